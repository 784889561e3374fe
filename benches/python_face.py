"""The figures of the Python face, as ratios of one run where they can be.

    python benches/python_face.py [import | one_row | batch | memory | threads | interrupt …]     (needs pandas)

import     `import attrition` over an interpreter with NumPy loaded, ms
one_row    `proba_one` of a dict of 30 fields, µs: logistic, and boosting of 200 trees × 31 leaves
batch      `predict_proba` of a pandas frame of 1 M × 30 beside that of the core's own table
memory     peak of `train` over what stands before it: pandas 1 M × 30 beside the core's own table
threads    8 threads call `proba_one` for a minute, beside one thread: calls a second, growth of resident memory
interrupt  from Ctrl-C to KeyboardInterrupt in the middle of training, ms
"""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from typing import Any

import attrition
import numpy as np
from calibration import loop
from one_row import quantiles

ROWS = int(os.environ.get("BENCH_ROWS", "1000000"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "60"))
LEVELS = [f"level {i}" for i in range(8)]
TREES = {"n_trees": 200, "max_leaves": 31, "learning_rate": 0.1, "row_fraction": 1, "column_fraction": 1}
LEARNERS: dict[str, dict[str, Any]] = {"logistic": {}, "boosting": TREES}


def frame(n_rows: int, seed: int = 0) -> Any:
    """20 numbers, 10 categories of text, a label."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {f"n{i}": rng.normal(size=n_rows) for i in range(20)}
    for i in range(10):
        columns[f"c{i}"] = pd.Categorical.from_codes(rng.integers(0, len(LEVELS), size=n_rows), LEVELS)
    risk = sum(columns[f"n{i}"] * np.sin(i) for i in range(20)) + columns["c0"].codes * 0.3
    columns["left"] = (risk + rng.logistic(size=n_rows) > 1.5).astype(np.int64)
    return pd.DataFrame(columns)


def train(data: Any, learner: str, **params: Any) -> attrition.Model:
    return attrition.train(
        data,
        target="left",
        learner=learner,
        params={**LEARNERS[learner], **params},
        cv=None,
        holdout=None,
        calibration=None,
    )


def figure_import() -> None:
    code = "import time, numpy; t = time.perf_counter(); import attrition; print(time.perf_counter() - t)"
    times = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(15)
    ]
    print(f"import attrition: median {statistics.median(times) * 1e3:.1f} ms, fastest {min(times) * 1e3:.1f} ms")


def figure_one_row() -> None:
    data = frame(20_000)
    rows = data.drop(columns="left").head(1000).to_dict("records")
    for learner in LEARNERS:
        model = train(data, learner)
        p50, p99 = quantiles(model.proba_one, rows)
        print(f"proba_one, {learner}: p50 {p50:.2f} µs, p99 {p99:.2f} µs")


def figure_batch() -> None:
    data = frame(ROWS)
    table = attrition.Table(data)
    for learner in LEARNERS:
        model = train(data.head(50_000), learner)
        times: dict[str, list[float]] = {"pandas": [], "table": []}
        for _ in range(7):
            for name, way in (("pandas", data), ("table", table)):
                start = time.perf_counter()
                model.predict_proba(way)
                times[name].append(time.perf_counter() - start)
        pandas, core = (statistics.median(times[name]) for name in ("pandas", "table"))
        ratios = [p / t for p, t in zip(times["pandas"], times["table"], strict=True)]
        print(
            f"predict_proba {ROWS} × 30, {learner}: pandas {pandas:.3f} s, core's table {core:.3f} s, "
            f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def resident(name: str = "VmRSS") -> float:
    """MB of this process now, or at its peak (VmHWM)."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name)) / 1024


def figure_memory() -> None:
    for learner in LEARNERS:
        peaks = {}
        for way in ("pandas", "table"):
            command = [sys.executable, __file__, "_memory", way, learner]
            peaks[way] = float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        ratio = peaks["pandas"] / peaks["table"]
        print(
            f"train {ROWS} × 30, {learner}: peak over the data {peaks['pandas']:.0f} MB from pandas, "
            f"{peaks['table']:.0f} MB from the core's table: {ratio:.2f}"
        )


def _memory(way: str, learner: str) -> None:
    data = frame(ROWS)
    if way == "table":
        data = attrition.Table(data)
    train(
        attrition.datasets.employees(300).to_pandas().assign(left=lambda d: d.index % 2),
        learner,
        **({"n_trees": 2} if learner == "boosting" else {}),
    )
    # The peak from here on.
    with open("/proc/self/clear_refs", "w", encoding="ascii") as clear:
        clear.write("5")
    before = resident()
    train(data, learner, **({"n_trees": 20} if learner == "boosting" else {}))
    print(resident("VmHWM") - before)


def calls(model: attrition.Model, rows: list[dict[str, Any]], n_threads: int, seconds: float) -> float:
    expected = [model.proba_one(row) for row in rows]
    counts = [0] * n_threads
    wrong: list[int] = []
    end = time.perf_counter() + seconds

    def work(k: int) -> None:
        while time.perf_counter() < end:
            if [model.proba_one(row) for row in rows] != expected:
                wrong.append(k)
            counts[k] += len(rows)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(n_threads)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    return sum(counts) / (time.perf_counter() - start)


def figure_threads() -> None:
    data = frame(20_000)
    rows = data.drop(columns="left").head(100).to_dict("records")
    for learner in LEARNERS:
        model = train(data, learner)
        calls(model, rows, 8, SECONDS / 20)
        rates: dict[int, list[float]] = {1: [], 8: []}
        before = resident()
        for _ in range(4):
            for n_threads in rates:
                rates[n_threads].append(calls(model, rows, n_threads, SECONDS / 8))
        one, eight = (statistics.median(r) for r in rates.values())
        grown = resident() - before
        print(
            f"{learner}: 8 threads {eight / 1e3:.0f} k calls/s, one {one / 1e3:.0f} k, ratio {eight / one:.2f}; "
            f"resident memory grew by {grown:.1f} MB in {SECONDS:.0f} s"
        )


def figure_interrupt() -> None:
    table = attrition.Table(frame(200_000))
    for learner, options in (("logistic", {"max_iter": 10_000, "tol": 1e-12}), ("boosting", {"n_trees": 5000})):
        times = []
        for i in range(10):
            sent: list[float] = []

            def press(sent: list[float] = sent) -> None:
                sent.append(time.perf_counter())
                os.kill(os.getpid(), signal.SIGINT)

            timer = threading.Timer(0.3 + i * 0.037, press)
            timer.start()
            try:
                train(table, learner, **options)
                timer.cancel()
            except KeyboardInterrupt:
                times.append(time.perf_counter() - sent[0])
        if times:
            print(
                f"Ctrl-C, {learner}: median {statistics.median(times) * 1e3:.0f} ms, slowest {max(times) * 1e3:.0f} ms of {len(times)}"
            )
        else:
            print(f"Ctrl-C, {learner}: training ended first")


FIGURES = {name.removeprefix("figure_"): f for name, f in list(globals().items()) if name.startswith("figure_")}


def main() -> None:
    if sys.argv[1:2] == ["_memory"]:
        _memory(*sys.argv[2:])
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"calibration loop: {min(loop() for _ in range(5)):.2f} ms (7 ms is the reference)", flush=True)
    for name in sys.argv[1:] or FIGURES:
        start = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        FIGURES[name]()
        print(f"    {name}: {resource.getrusage(resource.RUSAGE_SELF).ru_utime - start:.0f} CPU-s", flush=True)


if __name__ == "__main__":
    main()
