"""Search spaces and studies. What they mean, their defaults and their checks are the core's."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from . import _core
from ._progress import observer

if TYPE_CHECKING:
    from ._core import Event

__all__ = ["Choice", "Float", "Int", "Study", "Trial", "TrialPruned"]

When = tuple[str, Any] | Mapping[str, Any] | None


def _param(kind: str, when: When, **values: Any) -> dict[str, Any]:
    conditions = {} if when is None else dict([when] if isinstance(when, tuple) else when.items())
    return {"type": kind, **{k: v for k, v in values.items() if v is not None}, "when": conditions}


@dataclass(frozen=True)
class Float:
    """A number in ``[low, high]``; ``log`` where ratios matter, ``step`` for a grid.

    ``when=("penalty", "elasticnet")`` makes it active only where ``penalty`` has that value; the value may be a list of values.
    """

    low: float
    high: float
    log: bool = field(default=False, kw_only=True)
    step: float | None = field(default=None, kw_only=True)
    when: When = field(default=None, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return _param("float", self.when, low=self.low, high=self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Int:
    """A whole number in ``[low, high]``; ``log``, ``step`` and ``when`` as of :class:`Float`."""

    low: int
    high: int
    log: bool = field(default=False, kw_only=True)
    step: int | None = field(default=None, kw_only=True)
    when: When = field(default=None, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return _param("int", self.when, low=self.low, high=self.high, log=self.log, step=self.step)


@dataclass(frozen=True)
class Choice:
    """One of ``options`` (None, truth values, numbers, strings); ``ordered`` where neighbours in the list are alike."""

    options: Sequence[Any]
    ordered: bool = field(default=False, kw_only=True)
    when: When = field(default=None, kw_only=True)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**_param("choice", self.when, ordered=self.ordered), "options": list(self.options)}


Space = Mapping[str, Float | Int | Choice | Mapping[str, Any]]


class TrialPruned(Exception):
    """Raised by an objective that stops early; the trial is then ``"pruned"``."""


class Trial:
    """One trial: ``number``, ``state``, ``params``, ``values``, ``error``, ``reports`` by step, ``notes``."""

    def __init__(self, facts: Mapping[str, Any], study: _core._Study) -> None:
        self._study = study
        self.number: int = facts["number"]
        #: ``"waiting"``, ``"running"``, ``"complete"``, ``"pruned"`` or ``"failed"``.
        self.state: str = facts["state"]
        #: The active parameters.
        self.params: dict[str, Any] = facts["params"]
        #: One value an objective; empty unless complete.
        self.values: list[float] = facts["values"]
        #: Why it failed.
        self.error: str | None = facts["error"]
        self.reports: dict[int, float] = {int(step): value for step, value in facts["reports"].items()}
        self.notes: dict[str, Any] = facts["notes"]

    @property
    def value(self) -> float | None:
        """The value of the first objective; None unless complete."""
        return self.values[0] if self.values else None

    def report(self, step: int, value: float) -> bool:
        """Keep an intermediate value; True where the study's pruner would stop here: raise :class:`TrialPruned` then."""
        stop = self._study.report(self.number, step, value)
        self.reports[step] = value
        return stop

    def note(self, name: str, value: Any) -> None:
        """Keep a fact with the trial."""
        self._study.note(self.number, name, value)
        self.notes[name] = value

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {k: v for k, v in vars(self).items() if k != "_study"}

    def __repr__(self) -> str:
        value = "" if not self.values else f", value={self.value if len(self.values) == 1 else self.values}"
        return f"Trial(number={self.number}, state={self.state!r}, params={self.params}{value})"


class Study:
    """A search for the best parameters of anything.

    Parameters
    ----------
    space
        ``{name: Float | Int | Choice}``.
    sampler
        ``"auto"``, ``"tpe"``, ``"gp"``, ``"random"`` or ``"sobol"``.
    direction
        ``"minimize"``, ``"maximize"``, or a list, one an objective.
    seed
        With the same seed and the same results told in the same order the trials are the same.
    storage
        Path of a journal: begun, or resumed where the file holds this study. A crash loses at most the trial in flight, and several
        processes may share it.
    lag
        Trial ``i`` is proposed from trials up to ``i - lag`` only: the same trials for any ``n_jobs`` up to ``lag``.
    pruner
        ``{"type": "wilcoxon"}`` (steps are folds) or ``{"type": "successive_halving", "min_resource": ...}``.
    constraints
        ``[{"weights": {name: weight}, "max": bound}]``: sums of numbers with an upper bound.

    Examples
    --------
    >>> import attrition
    >>> study = attrition.Study({"x": attrition.Float(-5, 5)}, seed=0)
    >>> study.optimize(lambda trial: (trial.params["x"] - 1) ** 2, n_trials=20)
    >>> round(study.best_params["x"], 1)
    1.0
    """

    def __init__(
        self,
        space: Space,
        *,
        sampler: str = "auto",
        direction: str | Sequence[str] = "minimize",
        seed: int = 0,
        storage: str | os.PathLike[str] | None = None,
        lag: int | None = None,
        pruner: Mapping[str, Any] | None = None,
        constraints: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        options = {"sampler": sampler, "direction": direction, "seed": seed, "lag": lag, "pruner": pruner}
        self._constraints = list(constraints)
        self._core = _core._Study(_space(space, self._constraints), options, storage)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Study:
        """The study of a journal, with its own space and options."""
        study = cls.__new__(cls)
        study._core = _core._Study.load(path)
        study._constraints = study.space.get("constraints", [])
        return study

    def optimize(
        self,
        fn: Callable[[Trial], float | Sequence[float]],
        n_trials: int = 50,
        n_jobs: int = 1,
        *,
        max_seconds: float | None = None,
        progress: bool | Callable[[Event], object] | None = None,
    ) -> None:
        """Run ``fn(trial)`` until ``n_trials`` more trials are finished, ``n_jobs`` at a time on threads of their own.

        An exception makes its trial a failed one, with its message, and the search goes on; so do NaN and infinities. Where
        no trial of the study is complete in the end, that is an error. Ctrl-C ends the search once the trials in flight have.
        """

        def call(facts: dict[str, Any]) -> tuple[str, Any]:
            try:
                value = fn(Trial(facts, self._core))
            except TrialPruned:
                return "pruned", None
            except Exception as error:
                return "failed", f"{type(error).__name__}: {error}"
            return _outcome(value)

        options = {"n_trials": n_trials, "n_jobs": n_jobs, "max_seconds": max_seconds}
        with observer(progress) as callback:
            self._core.optimize(call, options, callback)

    def ask(self) -> Trial:
        """The next trial; it is running until it is told."""
        return Trial(self._core.ask(), self._core)

    def tell(
        self,
        trial: Trial | int,
        value: float | Sequence[float] | None = None,
        *,
        pruned: bool = False,
        error: str | BaseException | None = None,
    ) -> Trial:
        """What came of a running trial: its value (or values), that it was pruned, or its error. Gives the trial as it is now."""
        number = trial.number if isinstance(trial, Trial) else trial
        if error is not None:
            outcome: tuple[str, Any] = (
                "failed",
                error if isinstance(error, str) else f"{type(error).__name__}: {error}",
            )
        else:
            outcome = ("pruned", None) if pruned else _outcome(value)
        return Trial(self._core.tell(number, outcome), self._core)

    def enqueue(self, params: Mapping[str, Any]) -> int:
        """A trial of these parameters, asked for before any other; gives its number."""
        return self._core.enqueue(dict(params))

    def set_space(self, space: Space, constraints: Sequence[Mapping[str, Any]] | None = None) -> None:
        """Search this space from here on; trials stay in use as far as their values lie in it."""
        if constraints is not None:
            self._constraints = list(constraints)
        self._core.set_space(_space(space, self._constraints))

    def refresh(self) -> None:
        """Bring in what other processes wrote to the journal."""
        self._core.refresh()

    @property
    def space(self) -> dict[str, Any]:
        """The space as plain data."""
        return self._core.space

    @property
    def options(self) -> dict[str, Any]:
        """The options as plain data."""
        return self._core.options

    @property
    def trials(self) -> list[Trial]:
        """Every trial, by number."""
        return [Trial(facts, self._core) for facts in self._core.trials]

    @property
    def best_trial(self) -> Trial:
        """The complete trial of the best value."""
        return Trial(self._core.best(), self._core)

    @property
    def best_params(self) -> dict[str, Any]:
        """Its parameters."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Its value."""
        return self.best_trial.values[0]

    @property
    def pareto_front(self) -> list[Trial]:
        """The complete trials that no other dominates."""
        return [Trial(facts, self._core) for facts in self._core.pareto_front()]

    def hypervolume(self, reference: Sequence[float]) -> float:
        """The volume that the front covers before ``reference``, the worst value of each objective that counts."""
        return self._core.hypervolume(list(reference))

    def importance(self, objective: int = 0) -> dict[str, float]:
        """The share of the variance that each parameter explains alone, largest first (functional analysis of variance)."""
        params: dict[str, float] = self._core.importance(objective)["params"]
        return dict(sorted(params.items(), key=lambda item: -item[1]))

    def to_dict(self) -> dict[str, Any]:
        """Space, options, trials and the order in which they were finished, as plain data: all that a plot needs."""
        return {
            "space": self.space,
            "options": self.options,
            "trials": self._core.trials,
            "finished": self._core.finished,
        }

    def __repr__(self) -> str:
        return repr(self._core)


def _outcome(value: Any) -> tuple[str, Any]:
    if value is None:
        return "failed", "the objective gave None, expected a number"
    return "complete", value if isinstance(value, (list, tuple)) else float(value)


def _space(space: Space, constraints: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    params = {name: p.to_dict() if isinstance(p, (Float, Int, Choice)) else p for name, p in space.items()}
    return {"params": params, "constraints": list(constraints)}
