"""attrition as a scikit-learn classifier.

>>> from attrition.sklearn import AttritionClassifier
>>> from sklearn.model_selection import cross_val_score
>>> cross_val_score(AttritionClassifier(), X, y, scoring="roc_auc")

scikit-learn 1.6 or later must be installed; ``import attrition`` alone does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from joblib import effective_n_jobs
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.model_selection import check_cv
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import type_of_target
    from sklearn.utils.validation import (
        _check_sample_weight,
        check_consistent_length,
        check_is_fitted,
        column_or_1d,
        validate_data,
    )
except ImportError as e:  # pragma: no cover
    raise ImportError("attrition.sklearn needs scikit-learn 1.6 or later: pip install 'scikit-learn>=1.6'") from e

from ._core import Model, Schema, Table
from ._train import train

__all__ = ["AttritionClassifier"]

# Of parameters within `params`, as scikit-learn writes nested ones.
NESTED = "params__"
WHOLE = (int, np.integer)


class AttritionClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A binary classifier: boosted trees as they come, or any other learner of :func:`attrition.train`.

    Frames of pandas and polars are taken as they are, with strings, categories, truth values and gaps; arrays of numbers and of
    objects too. Every column is an input, unless ``sensitive`` or ``exclude`` names it. The probability is that of
    ``classes_[1]``. A row of weight 0 is absent, one of weight 2 is there twice; for that ``boosting`` sees every row in every tree, unless
    ``params`` says otherwise. It holds exactly but where rows are drawn (``forest``) or set into folds by their number (the rates of
    levels that trees split categories by).

    Parameters
    ----------
    learner, params, trials, metric, holdout, calibration, threshold, refit, preprocess, kinds, sensitive, exclude, on_unseen
        As in :func:`attrition.train`. The defaults fit one learner on all rows: no folds, no hold-out, raw scores, threshold 0.5.
        One learner's parameters can be set and searched one by one: ``set_params(params__n_trees=50)``.
    cv
        A number of folds, a splitter or an iterable of (train, test) that tests every row at most once: for choosing between
        learners, calibration and a chosen threshold.
    random_state
        A whole number, a generator, or None for another seed at each fit.
    n_jobs
        Threads at most; None for what ``ATTRITION_NUM_THREADS`` or the machine says, -1 for every core.

    Attributes
    ----------
    model_ : attrition.Model
        What was trained. ``model_.save(path)`` writes the file that Node and Rust score with.
    classes_ : ndarray of shape (2,)
        The labels, sorted.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.
    """

    model_: Model
    classes_: NDArray[Any]
    n_features_in_: int

    def __init__(
        self,
        *,
        learner: str | Sequence[str] = "boosting",
        params: Mapping[str, Any] | None = None,
        trials: int = 0,
        metric: str = "roc_auc",
        cv: Any = None,
        holdout: float | None = None,
        calibration: str | None = None,
        threshold: str | float | None = 0.5,
        refit: str = "train",
        preprocess: Mapping[str, Any] | None = None,
        kinds: Mapping[str, str] | None = None,
        sensitive: str | Sequence[str] | None = None,
        exclude: str | Sequence[str] | None = None,
        on_unseen: str = "ignore",
        random_state: Any = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.learner = learner
        self.params = params
        self.trials = trials
        self.metric = metric
        self.cv = cv
        self.holdout = holdout
        self.calibration = calibration
        self.threshold = threshold
        self.refit = refit
        self.preprocess = preprocess
        self.kinds = kinds
        self.sensitive = sensitive
        self.exclude = exclude
        self.on_unseen = on_unseen
        self.random_state = random_state
        self.n_jobs = n_jobs

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters; with ``deep`` also those within ``params``, as ``params__name``."""
        out: dict[str, Any] = super().get_params(deep=deep)
        if deep and isinstance(self.params, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
            out |= {NESTED + name: value for name, value in self.params.items()}
        return out

    def set_params(self, **params: Any) -> AttritionClassifier:
        """Set parameters; ``params__name`` sets one within ``params``."""
        nested = {key[len(NESTED) :]: value for key, value in params.items() if key.startswith(NESTED)}
        super().set_params(**{key: value for key, value in params.items() if not key.startswith(NESTED)})
        if nested:
            self.params = {**(self.params or {}), **nested}
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> AttritionClassifier:
        """Train on rows ``X`` of shape (n_rows, n_columns) with two labels ``y``, and weights >= 0 where there are some."""
        columns = self._columns(X, y, reset=True)
        labels = column_or_1d(y, warn=True)
        check_consistent_length(next(iter(columns.values())), labels)
        kind = type_of_target(labels, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, labels)
        seen = np.unique(labels if sample_weight is None else labels[sample_weight != 0])
        if len(seen) < 2:
            raise ValueError(f"AttritionClassifier needs rows of two classes, but there is one class only: {seen}")
        self.classes_ = seen

        target = _free_name(getattr(y, "name", None), "target", columns)
        data = {**columns, target: labels}
        # A label that reads as a date is a label all the same.
        is_text = labels.dtype.kind in "OUT" and Table({"y": seen}).types["y"] == "time"
        if is_text:
            data[target] = labels == seen[1]
        weight = None
        if sample_weight is not None:
            weight = _free_name(None, "weight", data)
            data[weight] = sample_weight
        table = Table(data)
        schema = Schema.infer(table).target(target, True if is_text else seen[1])
        # Who hands over X has chosen its columns: none is taken for an id, or dropped for being constant.
        for field in schema.fields:
            if field["name"] in columns and field["role"] != "feature":
                schema = schema.role(field["name"], "feature")

        cv, folds = None, None
        if isinstance(self.cv, WHOLE):
            cv = int(self.cv)
        elif self.cv is not None:
            splitter: Any = check_cv(self.cv, labels, classifier=True)
            folds = _fold_ids(splitter.split(X, labels), len(labels))
        seed = self.random_state
        if not isinstance(seed, WHOLE):
            seed = check_random_state(seed).randint(2**31)
        self.model_ = train(
            table,
            schema=schema,
            weight=weight,
            kinds=self.kinds,
            sensitive=self.sensitive,
            exclude=self.exclude,
            learner=self.learner,
            params=self._params(),
            trials=self.trials,
            metric=self.metric,
            cv=cv,
            folds=folds,
            holdout=self.holdout,
            calibration=self.calibration,
            threshold=self.threshold,
            refit=self.refit,
            preprocess=self.preprocess,
            on_unseen=self.on_unseen,
            seed=int(seed),
            n_threads=self._n_threads(),
        )
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probabilities of ``classes_``, shape (n_rows, 2)."""
        check_is_fitted(self)
        columns = self._columns(X, None, reset=False)
        proba = self.model_.predict_proba(columns, n_threads=self._n_threads())
        return np.column_stack([1 - proba, proba])

    def predict(self, X: Any) -> NDArray[Any]:
        """The label of every row at the model's threshold."""
        proba = self.predict_proba(X)[:, 1]
        return self.classes_.take((proba >= self.model_.threshold).astype(np.intp))

    def _params(self) -> Mapping[str, Any] | None:
        # Rows drawn at random cannot tell a row of weight 2 from two rows; on few rows boosting would draw half of them.
        params: Any = self.params
        if self.learner == "boosting" and (params is None or isinstance(params, Mapping)):
            return {"row_fraction": 1.0, **(params or {})}
        return self.params

    def _n_threads(self) -> int | None:
        return None if self.n_jobs is None else int(effective_n_jobs(self.n_jobs))

    def _columns(self, X: Any, y: Any, *, reset: bool) -> dict[str, Any]:
        """The columns of ``X`` by name, checked as scikit-learn checks them."""
        is_pandas, is_polars = hasattr(X, "iloc"), hasattr(X, "get_columns")
        if is_pandas or is_polars:
            if reset and y is None:
                raise ValueError("AttritionClassifier requires y to be passed, but the target y is None")
            # Names and their number only: what is in the columns is the core's to judge.
            validate_data(self, X, skip_check_array=True, reset=reset)
            columns = [X.iloc[:, i] for i in range(X.shape[1])] if is_pandas else X.get_columns()
            _check_some(len(X), len(columns))
        else:
            # Without labels, as scikit-learn writes it.
            y = y if reset else "no_validation"
            checked: Any = validate_data(self, X, y, reset=reset, dtype=None, ensure_all_finite="allow-nan")
            columns = list(_numbers(checked[0] if reset else checked).T)
        names = getattr(self, "feature_names_in_", [f"x{i}" for i in range(len(columns))])
        if len(set(names)) < len(names):
            raise ValueError(
                f"X has columns of the same name: {sorted({n for n in names if list(names).count(n) > 1})}"
            )
        return dict(zip(names, columns, strict=True))


def _check_some(n_rows: int, n_columns: int) -> None:
    if n_rows < 1:
        raise ValueError(
            f"Found array with 0 sample(s) (shape=({n_rows}, {n_columns})) while a minimum of 1 is required."
        )
    if n_columns < 1:
        raise ValueError(f"0 feature(s) (shape=({n_rows}, {n_columns})) while a minimum of 1 is required.")


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """An array of objects as numbers, where it holds nothing else; strings stay what they are."""
    if array.dtype.kind != "O":
        return array
    try:
        return array.astype(np.float64)
    except ValueError:
        return array


def _free_name(wish: Any, fallback: str, taken: Mapping[str, Any]) -> str:
    """A name for a column beside those there are."""
    name = wish if isinstance(wish, str) and wish else fallback
    while name in taken:
        name = f"{name}_"
    return name


def _fold_ids(splits: Iterable[tuple[Any, Any]], n_rows: int) -> NDArray[np.int64]:
    """The number of the test fold of every row, -1 for none."""
    ids = np.full(n_rows, -1, dtype=np.int64)
    for fold, (_, test) in enumerate(splits):
        if (ids[test] >= 0).any():
            raise ValueError("cv must test every row at most once: use StratifiedKFold, GroupKFold or the like")
        ids[test] = fold
    return ids
