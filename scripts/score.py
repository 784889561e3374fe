"""Scores rows.json with attrition.model, both in the folder given, and writes scores.python.bin (float64, little-endian).

Every row is scored twice, in a batch and alone; the two must be equal to the last bit.
"""

import json
import pathlib
import sys

import attrition
import numpy as np


def score(folder: pathlib.Path) -> np.ndarray:
    model = attrition.load(folder / "attrition.model")
    rows = json.loads((folder / "rows.json").read_text(encoding="utf-8"))
    batch = model.predict_proba(rows)
    single = np.array([model.proba_one(row) for row in rows], dtype=np.float64)
    differ = np.flatnonzero(batch.view(np.uint64) != single.view(np.uint64))
    if differ.size:
        raise SystemExit(f"row {differ[0]}: {batch[differ[0]]!r} in a batch, {single[differ[0]]!r} alone")
    return batch


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    scores = score(folder)
    (folder / "scores.python.bin").write_bytes(scores.astype("<f8").tobytes())
    print(f"Python scored {len(scores)} rows, mean {scores.mean():.4f}")
