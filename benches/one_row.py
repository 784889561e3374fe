"""One row from a Python dict, µs: p50 and p99 of single calls.

python benches/one_row.py MODEL ROWS.json     (files of `make demo` will do)
"""

import json
import pathlib
import sys
import time

import attrition
from calibration import loop


def quantiles(call, rows, n=200_000):
    times = []
    clock = time.perf_counter_ns
    for i in range(n):
        row = rows[i % len(rows)]
        start = clock()
        call(row)
        times.append(clock() - start)
    times.sort()
    return times[n // 2] / 1000, times[n * 99 // 100] / 1000


def main():
    model = attrition.load(sys.argv[1])
    rows = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))[:1000]
    print(f"calibration loop: {min(loop() for _ in range(5)):.2f} ms (7 ms is the reference)")
    for name in ("proba_one", "predict_one"):
        p50, p99 = quantiles(getattr(model, name), rows)
        print(f"{name}(dict of {len(rows[0])} fields): p50 {p50:.2f} µs, p99 {p99:.2f} µs")


if __name__ == "__main__":
    main()
