"""Runs our large tasks and the peers' alternately, so that both meet the same machine, and prints ratios.

python run.py PATH_OF_THE_large_BENCH PATH_OF_table.csv
"""

import json
import pathlib
import subprocess
import sys

TASKS = pathlib.Path(__file__).with_name("tasks.py")


def lines(command):
    out = subprocess.run(command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
    return [json.loads(line) for line in out.splitlines() if line.startswith("{")]


def beside(row):
    return {k: v for k, v in row.items() if k.startswith(("peak", "cpu", "objective", "difference"))}


def main():
    ours, table = sys.argv[1:]
    if not pathlib.Path(table).exists():
        subprocess.run([ours, "write-csv"], check=True)
    for task in ("csv", "train", "preprocess", "logistic"):
        rounds = []
        for _ in range(2):
            rounds.append((lines([ours, task]), lines([sys.executable, TASKS, task, table])))
        for i, first in enumerate(rounds[0][0]):
            mine = min(r[0][i]["seconds"] for r in rounds)
            peer = min(r[1][i]["seconds"] for r in rounds)
            name = rounds[0][1][i]["peer"]
            print(
                f"{task} {first.get('rows', '')}: attrition {mine:.3f} s, {name} {peer:.3f} s, {peer / mine:.2f}× as fast"
            )
            print(f"  beside: attrition {beside(first)}, {name} {beside(rounds[0][1][i])}")


if __name__ == "__main__":
    main()
