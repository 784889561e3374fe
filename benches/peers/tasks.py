"""One peer task in a process of its own; prints one line of JSON. `run.py` calls it."""

import json
import pathlib
import sys
import time


def memory(line: str) -> float:
    for entry in pathlib.Path("/proc/self/status").read_text().splitlines():
        if entry.startswith(line):
            return float(entry.split()[1]) * 1024
    return 0.0


def best(n, f):
    times = []
    for _ in range(n):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return min(times)


def read(path):
    import pandas as pd

    return pd.read_csv(path, engine="c")


def csv(path):
    import pandas  # noqa: F401  (not part of the time)

    before = memory("VmRSS:")
    table = read(path)
    peak = memory("VmHWM:") - before
    columns = 8 * 21 * len(table) + 4 * 10 * len(table)
    del table
    seconds = best(5, lambda: read(path))
    return {"task": "csv", "peer": "pandas", "seconds": seconds, "peak_over_columns": peak / columns}


def train(path):
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = read(path)
    y = table.pop("left")
    text = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    numbers = [c for c in table.columns if c not in text]
    rows = []
    for n in (1_000, 100_000, len(table)):
        x, t = table[:n], y[:n]
        model = make_pipeline(
            make_column_transformer((StandardScaler(), numbers), (OneHotEncoder(handle_unknown="ignore"), text)),
            LogisticRegression(max_iter=1000),
        )
        seconds = best(2, lambda model=model, x=x, t=t: model.fit(x, t))
        rows.append({"task": "train", "peer": "scikit-learn", "rows": n, "seconds": seconds})
    return rows


if __name__ == "__main__":
    result = {"csv": csv, "train": train}[sys.argv[1]](sys.argv[2])
    for row in result if isinstance(result, list) else [result]:
        print(json.dumps(row))
