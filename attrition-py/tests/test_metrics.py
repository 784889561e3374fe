"""Metrics of arrays, lists and Series; values by hand and from the shared reference."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import pytest
from attrition import _core, metrics

Y = [0, 0, 1, 1, 1]
P = [0.1, 0.6, 0.4, 0.8, 0.9]


def test_by_hand() -> None:
    assert metrics.roc_auc(Y, P) == pytest.approx(5 / 6)
    assert metrics.accuracy(Y, P) == pytest.approx(3 / 5)
    assert metrics.accuracy(Y, P, threshold=0.3) == pytest.approx(4 / 5)
    assert metrics.precision(Y, P) == metrics.recall(Y, P) == pytest.approx(2 / 3)
    assert metrics.specificity(Y, P) == pytest.approx(1 / 2)
    assert metrics.brier(Y, P) == pytest.approx(np.mean((np.array(Y) - P) ** 2))
    assert metrics.confusion(Y, P) == {"tn": 1.0, "fp": 1.0, "fn": 1.0, "tp": 2.0}
    assert metrics.f_beta(Y, P, 2) == metrics.f2(Y, P)
    assert metrics.f_beta(Y, P, 0.5) == metrics.estimate("f0_5", Y, P).value
    assert metrics.recall(Y, P, sample_weight=[1, 1, 0, 1, 1]) == 1.0


def test_any_array_will_do() -> None:
    expected = metrics.log_loss(Y, P)
    for y in (
        np.array(Y),
        np.array(Y, dtype=bool),
        np.array(Y, dtype=float),
        pd.Series(Y, dtype="Int8"),
        tuple(Y),
    ):
        for p in (
            P,
            np.array(P),
            pd.Series(P, dtype="Float64"),
            np.array([P, P]).T[:, 0],
        ):
            assert metrics.log_loss(y, p) == expected


def test_every_metric_has_an_interval_and_a_function() -> None:
    found = metrics.all(Y, P)
    assert list(found) == _core._metric_names()
    for name, estimate in found.items():
        assert metrics.estimate(name, Y, P) == estimate
        if estimate.low is not None and estimate.high is not None:
            assert estimate.low <= estimate.value <= estimate.high
        if name == "f0_5":
            continue
        assert getattr(metrics, name)(Y, P) == estimate.value
    for name in metrics.__all__:
        assert inspect.getdoc(getattr(metrics, name))


def test_curves() -> None:
    fpr, tpr, thresholds = metrics.roc_curve(Y, P)
    assert len(fpr) == len(tpr) == len(thresholds)
    assert (fpr[0], tpr[0], fpr[-1], tpr[-1]) == (0, 0, 1, 1)
    precision, recall, _ = metrics.precision_recall_curve(Y, P)
    assert (precision[-1], recall[-1]) == (1, 0)
    assert sum(b["weight"] for b in metrics.calibration_curve(Y, P)) == 5
    assert 0 <= metrics.calibration_error(Y, P).ece <= metrics.calibration_error(Y, P).mce
    assert metrics.best_threshold([0, 0, 1, 1], [0.1, 0.2, 0.6, 0.8], 2) == pytest.approx(0.4)
    with pytest.raises(attrition.InvalidParamError, match="quantile"):
        metrics.calibration_curve(Y, P, strategy="other")


@pytest.mark.parametrize(
    ("y", "proba", "message"),
    [
        (["Yes", "No"], [0.1, 0.2], "column `y`"),
        ([0, 2], [0.1, 0.2], "row 1"),
        ([0, None], [0.1, 0.2], "row 1"),
        ([0, 1], ["a", "b"], "column `proba`"),
        ([0, 1], [0.1], "as many of each"),
        ([0, 1], [0.1, np.nan], "row 1"),
        ([], [], "rows"),
    ],
)
def test_bad_input_names_its_place(y: Any, proba: Any, message: str) -> None:
    with pytest.raises(attrition.InvalidDataError, match=message):
        metrics.brier(y, proba)


def test_against_the_reference() -> None:
    path = Path(os.environ.get("ATTRITION_SHARED", Path(__file__).parents[3] / "shared")) / "reference"
    if not path.is_dir():
        if os.environ.get("ATTRITION_REQUIRE_SHARED") == "1":
            pytest.fail(f"{path} is not there")
        pytest.skip(f"no reference at {path}")
    reference = json.loads((path / "classification_metrics.json").read_text(encoding="utf-8"))
    near = {"rel": 1e-12, "abs": 1e-14}
    for case in reference["cases"]:
        y, p, w = case["y"], np.array(case["p"]), case["w"]
        for name, value in case["scores"].items():
            assert getattr(metrics, name)(y, p, w) == pytest.approx(value, **near), name
        for threshold, found in case["at_threshold"].items():
            for name, value in found.items():
                if name in ("tn", "fp", "fn", "tp"):
                    got = metrics.confusion(y, p, w, float(threshold))[name]
                else:
                    got = metrics.estimate(name, y, p, w, float(threshold)).value
                assert got == pytest.approx(value, **near), name
