"""Data sets that come with the library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _core

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ._core import Table

__all__ = ["employees", "employees_with_truth"]


def employees(
    n_rows: int = 1470,
    seed: int = 0,
    *,
    truth: bool = False,
    bias: Sequence[Mapping[str, Any]] = (),
    drift: Sequence[Mapping[str, Any]] = (),
    missing: Mapping[str, Any] | None = None,
) -> Table:
    """Employees as they stand at one moment, and who left in the year after: about 16 % ``"Yes"`` in ``Attrition``.

    Row ``i`` depends on the seed and ``i`` alone: a shorter table is the beginning of a longer one.

    Parameters
    ----------
    truth
        Adds the column ``TrueProbability``: a leak if a model sees it.
    bias
        Groups at a disadvantage: ``{"column": "Gender", "group": "Female", "risk": 0.7}`` adds 0.7 to the true log-odds of the
        group's rows; ``"label": 0.1`` turns over a tenth of the group's recorded labels.
    drift
        Columns that moved: ``{"column": "Age", "shift": 0.5}`` in standard deviations; with ``"category"``, in share points.
    missing
        Gaps: ``{"rate": 0.05, "columns": [...], "mechanism": "completely_at_random" | "at_random"}``.
    """
    return employees_with_truth(n_rows, seed, truth=truth, bias=bias, drift=drift, missing=missing)[0]


def employees_with_truth(
    n_rows: int = 1470,
    seed: int = 0,
    *,
    truth: bool = False,
    bias: Sequence[Mapping[str, Any]] = (),
    drift: Sequence[Mapping[str, Any]] = (),
    missing: Mapping[str, Any] | None = None,
) -> tuple[Table, NDArray[np.float64]]:
    """:func:`employees` and the true probability of leaving of each row."""
    return _core._employees(
        {
            "n_rows": n_rows,
            "seed": seed,
            "truth": truth,
            "bias": bias,
            "drift": drift,
            "missing": missing,
        }
    )
