"""What a user's own code looks like to a type checker; read by pyright in strict mode, never run."""

# pyright: strict

from __future__ import annotations

from typing import Any

import attrition
import numpy as np
from numpy.typing import NDArray


def journey(path: str) -> float:
    employees = attrition.read_csv(path, missing=["", "?"])
    model = attrition.train(
        employees,
        target="Attrition",
        positive="Yes",
        sensitive=["Gender"],
        learner=["logistic", "glassbox"],
        progress=show,
    )
    proba: NDArray[np.float64] = model.predict_proba(employees)
    labels: NDArray[Any] = model.predict(employees)
    prediction: attrition.Prediction = model.predict_one({"Age": 41})
    warnings: list[str] = [warning.message for warning in prediction.warnings]
    evaluation: attrition.Evaluation = model.evaluate(employees)
    metrics: dict[str, dict[str, float | None]] = evaluation.metrics
    model.save(path)
    again: attrition.Model = attrition.load(path)
    folds = attrition.cross_validate(employees, target="Attrition", positive="Yes", folds=[0, 1])
    scores: dict[str, list[float]] = folds.scores
    try:
        return again.proba_one({"Age": 41}) + float(proba[0]) + len(labels) + len(warnings) + len(metrics) + len(scores)
    except attrition.SchemaMismatchError as error:
        code: str = error.code
        raise RuntimeError(code, error.problems) from error


def show(event: attrition.Event) -> None:
    stage: str = event.stage
    done: int = event.done
    print(stage, done, event.total)


def wrong(model: attrition.Model) -> None:
    model.proba_one()  # pyright: ignore[reportCallIssue]
    model.save(5)  # pyright: ignore[reportArgumentType]
    attrition.train({}, nonsense=1)  # pyright: ignore[reportCallIssue]
