"""Curves by matplotlib, which is imported only when something is drawn."""

from __future__ import annotations

from typing import Any

__all__ = ["evaluation"]

# Name in the facts, title, labels of the axes, marker, whether the diagonal is drawn for comparison.
CURVES = (
    ("roc", "ROC", "false positive rate", "true positive rate", "", True),
    ("precision_recall", "Precision–recall", "recall", "precision", "", False),
    ("calibration", "Calibration", "mean probability", "rate of positives", "o", True),
)


def evaluation(facts: dict[str, Any], axes: Any = None) -> Any:
    """Draw the curves of ``Evaluation.to_dict()`` into three axes; returns their figure."""
    if axes is None:
        try:
            from matplotlib import pyplot
        except ImportError as e:
            raise ImportError("plot() draws with matplotlib: pip install matplotlib") from e
        _, axes = pyplot.subplots(1, len(CURVES), figsize=(12, 4), layout="constrained")
    axes = list(axes)
    if len(axes) != len(CURVES):
        raise ValueError(f"plot() draws into {len(CURVES)} axes, got {len(axes)}")
    for axis, (name, title, x_label, y_label, marker, diagonal) in zip(axes, CURVES, strict=True):
        curve = facts["curves"][name]
        if diagonal:
            axis.plot([0, 1], [0, 1], color="gray", linestyle="--", linewidth=1)
        axis.plot(curve["x"], curve["y"], marker=marker)
        axis.set(title=title, xlabel=x_label, ylabel=y_label, xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    return axes[0].figure
