"""The keywords of training. What they mean, their defaults and their checks are the core's; a test holds the two equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import _core
from ._progress import observer

if TYPE_CHECKING:
    from ._core import CrossValidation, Event, Model, Schema

__all__ = ["cross_validate", "train"]

Names = str | Sequence[str] | None
Progress = bool | Callable[["Event"], object] | None


def train(
    data: Any,
    *,
    target: str | None = None,
    positive: Any = None,
    id: Names = None,
    sensitive: Names = None,
    exclude: Names = None,
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    kinds: Mapping[str, str] | None = None,
    schema: Schema | None = None,
    learner: str | Sequence[str] = "auto",
    params: Mapping[str, Any] | None = None,
    trials: int = 0,
    search: Mapping[str, Any] | None = None,
    metric: str = "roc_auc",
    cv: int | None = 5,
    folds: Any = None,
    holdout: float | None = 0.2,
    calibration: str | None = "auto",
    threshold: str | float | None = "f2",
    refit: str = "train",
    preprocess: Mapping[str, Any] | None = None,
    on_unseen: str = "ignore",
    seed: int = 0,
    n_threads: int | None = None,
    names: Sequence[str] | None = None,
    progress: Progress = None,
) -> Model:
    """Train a model that gives the probability of ``target == positive``.

    Parameters
    ----------
    data
        A table of any sort: a pandas or polars frame, anything that speaks Arrow, a dict of columns, a list of dict rows, a
        2-D NumPy array with ``names``, an :class:`attrition.Table`, an :class:`attrition.Source`. A source is read once and
        waits on disk (in the folder that ``TMPDIR`` names), column by column: the model is that of the whole table, to the
        last byte, and memory is about two bytes a value for the tree learners.
    target
        The column to predict; required, unless ``schema`` names it.
    positive
        The label whose probability is predicted, compared by value (``1 == 1.0 == True``; ``"1"`` is not ``1``). It has a
        default only where the labels are 0 and 1, or truth values.
    id, sensitive, exclude
        Columns that name rows; protected attributes, to be audited; columns not to be used. None of them is an input.
    group, time, weight
        Rows of one group stay together in every split; rows are split forward in time; weights of the rows.
    kinds
        ``{column: "number" | "category" | "bool" | "time"}``: overrules the guess.
    schema
        A whole :class:`attrition.Schema` instead of the inferred one.
    learner, params
        A learner's name, a list of names to choose from, or ``"auto"``: the best of its candidates, or a blend of them
        where that is clearly better (``print(model.training)`` shows all). Its parameters, for ``"auto"`` or a list as
        ``{learner: {name: value}}``.
    trials, search
        Trials of the search for the learner, its parameters and the pipeline; 0 trains the documented defaults. What
        ``params`` and ``preprocess`` say is not searched. ``search``: ``{"sampler": "auto", "prune": True, "preprocess": True,
        "estimate": "auto", "max_seconds": None, "cache_mb": 256}``; the guide on tuning says what each does.
    metric
        What chooses between learners.
    cv, holdout
        Number of folds, share of rows held out; ``None`` for none.
    folds
        In place of ``cv``: the number of the test fold of each row as an array, list or Series; negative: never tested.
    calibration
        ``"auto"``, ``"sigmoid"``, ``"isotonic"``; ``None`` for raw scores.
    threshold
        ``"f2"``, ``"f1"``, a number, or ``None`` for 0.5.
    refit
        ``"train"``: the model is fitted without the hold-out rows; ``"all"``: on all rows, after judging.
    preprocess
        What is done to each column before the learner sees it, where it is not the default: ``{"derive": {name: expression},
        "hr_features": True, "number": {…}, "category": {…}, "columns": {column: {…}}, "select": {…}, "resample": {…}}``;
        the guide on preprocessing has every name. ``model.pipeline`` shows what came of it.
    on_unseen
        ``"ignore"`` or ``"error"``: what predict does with an unseen category.
    seed, n_threads
        Same seed, same bytes, for any number of threads; ``None`` takes the machine's.
    names
        Column names of a NumPy array.
    progress
        ``True`` for a bar, or a callable that takes an :class:`attrition.Event`.
    """
    options = {
        "target": target,
        "positive": positive,
        "id": id,
        "sensitive": sensitive,
        "exclude": exclude,
        "group": group,
        "time": time,
        "weight": weight,
        "kinds": {} if kinds is None else kinds,
        "schema": schema,
        "learner": learner,
        "params": params,
        "trials": trials,
        "search": {} if search is None else search,
        "metric": metric,
        "cv": cv,
        "holdout": holdout,
        "calibration": calibration,
        "threshold": threshold,
        "refit": refit,
        "preprocess": {} if preprocess is None else preprocess,
        "on_unseen": on_unseen,
        "seed": seed,
        "n_threads": n_threads,
    }
    with observer(progress) as callback:
        return _core._train(data, options, folds, callback, names)


def cross_validate(
    data: Any,
    *,
    folds: Any = None,
    target: str | None = None,
    positive: Any = None,
    id: Names = None,
    sensitive: Names = None,
    exclude: Names = None,
    group: str | None = None,
    time: str | None = None,
    weight: str | None = None,
    kinds: Mapping[str, str] | None = None,
    schema: Schema | None = None,
    learner: str | Sequence[str] = "auto",
    params: Mapping[str, Any] | None = None,
    trials: int = 0,
    search: Mapping[str, Any] | None = None,
    metric: str = "roc_auc",
    cv: int | None = 5,
    calibration: str | None = "auto",
    threshold: str | float | None = "f2",
    preprocess: Mapping[str, Any] | None = None,
    on_unseen: str = "ignore",
    seed: int = 0,
    n_threads: int | None = None,
    names: Sequence[str] | None = None,
    progress: Progress = None,
) -> CrossValidation:
    """Score every row by models that have not seen it.

    Takes the keywords of :func:`attrition.train`, and ``folds``: the number of the test fold of each row as an array, list or
    Series; a negative number for a row that is never tested. Without it ``cv`` folds are made.
    """
    options = {
        "target": target,
        "positive": positive,
        "id": id,
        "sensitive": sensitive,
        "exclude": exclude,
        "group": group,
        "time": time,
        "weight": weight,
        "kinds": {} if kinds is None else kinds,
        "schema": schema,
        "learner": learner,
        "params": params,
        "trials": trials,
        "search": {} if search is None else search,
        "metric": metric,
        "cv": cv,
        "calibration": calibration,
        "threshold": threshold,
        "preprocess": {} if preprocess is None else preprocess,
        "on_unseen": on_unseen,
        "seed": seed,
        "n_threads": n_threads,
    }
    with observer(progress) as callback:
        return _core._cross_validate(data, options, folds, callback, names)
