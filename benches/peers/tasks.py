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


def columns(table):
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = [c for c in table.columns if not pd.api.types.is_numeric_dtype(table[c])]
    numbers = [c for c in table.columns if c not in text]
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), text),
        verbose_feature_names_out=False,
    )


def preprocess(path):
    """What our default pipeline does: median and standard scale of numbers, indicators of categories."""
    import numpy as np

    table = read(path)
    table.pop("left")
    transformer = columns(table)
    fit = best(2, lambda: transformer.fit(table))
    apply = best(2, lambda: transformer.transform(table))
    both = best(2, lambda: transformer.fit_transform(table))
    ours = json.loads(pathlib.Path(path).with_name("features.json").read_text())
    # Ours are called c00=alpha, theirs c00_alpha.
    names = [n.replace("=", "_") for n in ours["names"]]
    first = transformer.transform(table[:1000])
    first = first.toarray() if hasattr(first, "toarray") else first
    order = [list(transformer.get_feature_names_out()).index(n) for n in names]
    difference = float(np.abs(first[:, order] - np.array(ours["columns"]).T).max())
    return {
        "task": "preprocess",
        "peer": "scikit-learn",
        "seconds": min(both, fit + apply),
        "difference": difference,
    }


def logistic(path):
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    table = read(path)[:100_000]
    y = table.pop("left").to_numpy()
    x = columns(table).fit_transform(table)
    model = LogisticRegression(max_iter=1000)
    start = time.process_time()
    for _ in range(3):
        model.fit(x, y)
    cpu = (time.process_time() - start) / 3
    seconds = best(3, lambda: model.fit(x, y))
    z = model.decision_function(x)
    objective = float((np.logaddexp(0, z) - y * z).sum() + 0.5 * (model.coef_**2).sum())
    return {
        "task": "logistic",
        "peer": "scikit-learn",
        "seconds": seconds,
        "cpu_seconds": cpu,
        "objective": objective,
    }


if __name__ == "__main__":
    result = {"csv": csv, "train": train, "preprocess": preprocess, "logistic": logistic}[sys.argv[1]](sys.argv[2])
    for row in result if isinstance(result, list) else [result]:
        print(json.dumps(row))
