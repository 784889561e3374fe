"""An installed wheel does its main job, and every wheel of a folder is small enough.

    python scripts/check_wheel.py [FOLDER]

Trains, scores, saves and loads with nothing installed but attrition and NumPy. Standard library only beside them.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import attrition

MAX_BYTES = 12_000_000


def main() -> None:
    employees = attrition.datasets.employees(n_rows=600, seed=0)
    model = attrition.train(employees, target="Attrition", positive="Yes", learner="logistic")
    proba = model.predict_proba(employees)
    row = {name: values[0] for name, values in employees.to_dict().items()}
    assert model.proba_one(row) == proba[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "attrition.model"
        model.save(path)
        assert (attrition.load(path).predict_proba(employees) == proba).all()
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    print(
        f"attrition {model.training['attrition_version']} works on Python {sys.version}; GIL {'on' if gil else 'off'}"
    )
    for wheel in sorted(Path(sys.argv[1]).glob("*.whl")) if len(sys.argv) > 1 else []:
        size = wheel.stat().st_size
        print(f"{wheel.name}: {size / 1e6:.1f} MB")
        assert size < MAX_BYTES, f"{wheel.name} has {size} bytes, {MAX_BYTES} are allowed"


if __name__ == "__main__":
    main()
