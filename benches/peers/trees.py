"""Boosted trees beside XGBoost, LightGBM and CatBoost: the same table, 200 trees x 31 leaves, rate 0.1, 255 bins, two threads.

python trees.py PATH_OF_THE_large_BENCH PATH_OF_table.csv [ROWS ...]

Ours and each peer run in turn, twice, each in a process of its own; the better of both is printed, and ratios.
"""

import json
import pathlib
import subprocess
import sys
import time

THREADS = 2
TEST = 100_000
PEERS = ("xgboost", "lightgbm", "catboost")


def memory(line: str) -> float:
    for entry in pathlib.Path("/proc/self/status").read_text().splitlines():
        if entry.startswith(line):
            return float(entry.split()[1]) * 1024
    return 0.0


def classifier(peer: str):
    common = {"n_estimators": 200, "learning_rate": 0.1}
    if peer == "xgboost":
        from xgboost import XGBClassifier

        shape = {"max_leaves": 31, "max_depth": 0, "grow_policy": "lossguide", "max_bin": 255, "tree_method": "hist"}
        return XGBClassifier(**common, **shape, n_jobs=THREADS)
    if peer == "lightgbm":
        from lightgbm import LGBMClassifier

        return LGBMClassifier(**common, num_leaves=31, max_bin=255, n_jobs=THREADS, verbose=-1)
    from catboost import CatBoostClassifier

    shape = {"grow_policy": "Lossguide", "max_leaves": 31, "border_count": 254, "allow_writing_files": False}
    return CatBoostClassifier(iterations=200, learning_rate=0.1, **shape, thread_count=THREADS, verbose=0)


def run_peer(peer: str, path: str, rows: int) -> None:
    import numpy as np
    import pandas as pd
    from sklearn.metrics import roc_auc_score

    table = pd.read_csv(path)
    y = table.pop("left").to_numpy()
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            table[name] = table[name].astype("category").cat.codes.astype(float)
    x = np.ascontiguousarray(table.to_numpy(float))
    del table
    test, labels = x[-TEST:].copy(), y[-TEST:]
    rows = min(rows, len(x) - TEST)
    x, y = x[:rows].copy(), y[:rows]
    classifier(peer).fit(x[:200], y[:200])  # Imports and threads are not part of the time.
    pathlib.Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS:")
    seconds, cpu = float("inf"), 0.0
    for _ in range(1 if rows > 200_000 else 3):
        model = classifier(peer)
        start, used = time.perf_counter(), time.process_time()
        model.fit(x, y)
        if time.perf_counter() - start < seconds:
            seconds, cpu = time.perf_counter() - start, time.process_time() - used
    peak = (memory("VmHWM:") - before) / 1e6
    times = []
    for _ in range(3):
        start = time.perf_counter()
        proba = model.predict_proba(test)[:, 1]
        times.append(time.perf_counter() - start)
    facts = {"task": "boosting", "rows": rows, "seconds": seconds, "cpu_seconds": cpu, "peak_mb_over_data": peak}
    print(json.dumps(facts | {"auc": roc_auc_score(labels, proba), "rows_per_second": TEST / min(times)}))


def lines(command: list[str]) -> dict[str, float]:
    out = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return next(json.loads(line) for line in out.splitlines() if line.startswith("{"))


def main() -> None:
    ours, table, *rows = sys.argv[1:]
    for n in [int(r) for r in rows] or [1_000, 100_000, 900_000]:
        best: dict[str, dict[str, float]] = {}
        for _ in range(2):
            commands = {"attrition": [ours, "boosting", str(n)]}
            commands |= {peer: [sys.executable, __file__, "--peer", peer, table, str(n)] for peer in PEERS}
            for name, command in commands.items():
                facts = lines(command)
                if name not in best or facts["seconds"] < best[name]["seconds"]:
                    best[name] = facts
        mine = best["attrition"]
        for name, facts in best.items():
            print(
                f"{n} rows, {name}: {facts['seconds']:.3f} s, {facts['cpu_seconds']:.2f} CPU-s, "
                f"{facts['peak_mb_over_data']:.0f} MB, AUC {facts['auc']:.4f}, {facts['rows_per_second'] / 1e6:.2f} M rows/s; "
                f"ours is {mine['seconds'] / facts['seconds']:.2f} x the time, {mine['cpu_seconds'] / facts['cpu_seconds']:.2f} x the "
                f"CPU time, predicts {mine['rows_per_second'] / facts['rows_per_second']:.1f} x as fast"
            )
        print(f"  a record in Rust, p50: {mine['record_us_p50']:.2f} us")


if __name__ == "__main__":
    if sys.argv[1] == "--peer":
        run_peer(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main()
