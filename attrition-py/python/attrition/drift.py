"""How data moves: mergeable summaries of tables.

>>> import attrition
>>> parts = [attrition.datasets.employees(500, seed=seed) for seed in (1, 2)]
>>> profile = attrition.drift.Profile.of(parts[0]).update(parts[1])
>>> profile.n_rows
1000
"""

from __future__ import annotations

from ._core import Profile

__all__ = ["Profile"]
