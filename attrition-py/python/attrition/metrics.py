"""Metrics of labels and scores: scikit-learn's values, each with a closed-form 95 % interval by :func:`estimate`.

``y`` holds 0 and 1 or truth values (for others compare first: ``y == "Yes"``); ``proba`` is P(positive), or any score for
``roc_auc`` and ``average_precision``, or 0/1 predictions for the metrics with a threshold. Arrays, lists and Series. A row is
predicted positive where ``proba >= threshold``; a ``sample_weight`` of 0 means the row is absent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from . import _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Estimate",
    "accuracy",
    "all",
    "average_precision",
    "balanced_accuracy",
    "best_threshold",
    "brier",
    "calibration_curve",
    "calibration_error",
    "cohen_kappa",
    "confusion",
    "estimate",
    "f1",
    "f2",
    "f_beta",
    "log_loss",
    "mcc",
    "precision",
    "precision_recall_curve",
    "recall",
    "roc_auc",
    "roc_curve",
    "specificity",
]


class Estimate(NamedTuple):
    """A value with its 95 % interval; an end is None where the interval is not defined."""

    value: float
    low: float | None
    high: float | None


class CalibrationError(NamedTuple):
    """How far probabilities are from observed rates: expected (mean over rows) and maximal (worst bin)."""

    ece: float
    mce: float


def estimate(metric: str, y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> Estimate:
    """The metric of that name (``"roc_auc"``, ``"f2"``, ``"f0_5"`` …) with its 95 % interval."""
    return Estimate(*_core._metric(metric, y, proba, sample_weight, threshold))


def all(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> dict[str, Estimate]:
    """Every metric that is defined on these rows, each with its 95 % interval."""
    found = _core._metrics(y, proba, sample_weight, threshold)
    return {name: Estimate(*values) for name, values in found.items()}


def roc_auc(y: Any, proba: Any, sample_weight: Any = None) -> float:
    """Area under the ROC curve: P(score of a positive > score of a negative) + ½ P(equal)."""
    return _core._metric("roc_auc", y, proba, sample_weight)[0]


def average_precision(y: Any, proba: Any, sample_weight: Any = None) -> float:
    """Step-wise area under the precision-recall curve."""
    return _core._metric("average_precision", y, proba, sample_weight)[0]


def brier(y: Any, proba: Any, sample_weight: Any = None) -> float:
    """Mean squared error of the probabilities."""
    return _core._metric("brier", y, proba, sample_weight)[0]


def log_loss(y: Any, proba: Any, sample_weight: Any = None) -> float:
    """Mean of −ln P(y), probabilities clipped to [1e-15, 1 − 1e-15]."""
    return _core._metric("log_loss", y, proba, sample_weight)[0]


def accuracy(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Share of rows predicted rightly."""
    return _core._metric("accuracy", y, proba, sample_weight, threshold)[0]


def balanced_accuracy(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Mean of recall and specificity."""
    return _core._metric("balanced_accuracy", y, proba, sample_weight, threshold)[0]


def precision(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Share of positives among the rows predicted positive."""
    return _core._metric("precision", y, proba, sample_weight, threshold)[0]


def recall(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Share of the positives that are predicted positive."""
    return _core._metric("recall", y, proba, sample_weight, threshold)[0]


def specificity(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Share of the negatives that are predicted negative."""
    return _core._metric("specificity", y, proba, sample_weight, threshold)[0]


def f1(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Harmonic mean of precision and recall."""
    return _core._metric("f1", y, proba, sample_weight, threshold)[0]


def f2(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """F-beta with recall counted twice as much as precision."""
    return _core._metric("f2", y, proba, sample_weight, threshold)[0]


def f_beta(y: Any, proba: Any, beta: float, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """F-beta: recall counts ``beta`` times as much as precision."""
    return _core._metric(f"f{beta}", y, proba, sample_weight, threshold)[0]


def mcc(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Matthews correlation coefficient."""
    return _core._metric("mcc", y, proba, sample_weight, threshold)[0]


def cohen_kappa(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> float:
    """Cohen's kappa: agreement beyond chance."""
    return _core._metric("cohen_kappa", y, proba, sample_weight, threshold)[0]


def best_threshold(y: Any, proba: Any, beta: float, sample_weight: Any = None) -> float:
    """The threshold that maximises F-beta, midway between two neighbouring scores."""
    return _core._best_threshold(y, proba, beta, sample_weight)


def confusion(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> dict[str, float]:
    """``{"tn", "fp", "fn", "tp"}``: rows, or sums of their weights."""
    return _core._confusion(y, proba, sample_weight, threshold)


def roc_curve(
    y: Any, proba: Any, sample_weight: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """``(fpr, tpr, thresholds)``."""
    return _core._roc_curve(y, proba, sample_weight)


def precision_recall_curve(
    y: Any, proba: Any, sample_weight: Any = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """``(precision, recall, thresholds)``; the first two have one more point than the last."""
    return _core._precision_recall_curve(y, proba, sample_weight)


def calibration_curve(
    y: Any,
    proba: Any,
    sample_weight: Any = None,
    n_bins: int = 10,
    strategy: str = "uniform",
) -> list[dict[str, Any]]:
    """Mean score against observed rate, one dict a bin that holds rows: ``prob_pred``, ``prob_true`` (with ``value``, ``low``,
    ``high``) and ``weight``. ``strategy`` is ``"uniform"`` or ``"quantile"``."""
    return _core._calibration_curve(y, proba, sample_weight, n_bins, strategy)


def calibration_error(y: Any, proba: Any, sample_weight: Any = None, n_bins: int = 10) -> CalibrationError:
    """Expected and maximal calibration error over bins of equal width."""
    return CalibrationError(*_core._calibration_error(y, proba, sample_weight, n_bins))
