# Written by scripts/stubs.py from the built library. Do not edit.
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

_Curve = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
_Progress = Callable[[Event], object]

@final
class Batches:
    """The batches of a source, as tables."""

    def __iter__(self, /) -> Batches: ...
    def __next__(self, /) -> Table: ...

@final
class CrossValidation:
    """Out-of-fold probabilities and the scores of each fold."""

    @property
    def learners(self) -> list[str]:
        """The learner of each fold; where several were given, chosen on the other folds."""
    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """`{metric: {"value", "low", "high"}}` of all tested rows together, with 95 % intervals."""
    @property
    def predictions(self) -> NDArray[np.float64]:
        """Out-of-fold probability of every row, in row order; NaN for rows in no test fold. A new array at each call."""
    @property
    def scores(self) -> dict[str, list[float]]:
        """`{metric: [value of each fold]}`; NaN where a fold's rows leave it undefined."""
    @property
    def thresholds(self) -> list[float]:
        """The threshold of each fold, chosen on the other folds."""
    def to_dict(self, /) -> dict[str, Any]:
        """Everything as a dict of plain values."""

@final
class Evaluation:
    """A model judged on labelled rows."""

    def _repr_html_(self, /) -> str:
        """Metrics, confusion table and curves, for notebooks."""
    @property
    def confusion(self) -> dict[str, float]:
        """`{"tn", "fp", "fn", "tp"}` at the threshold."""
    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """`{metric: {"value", "low", "high"}}` with 95 % intervals."""
    @property
    def n(self) -> int:
        """Number of rows."""
    def plot(self, /, axes: Any = None) -> Any:
        """Draw the ROC, precision–recall and calibration curves with matplotlib, into three `axes` or a new figure; returns the
        figure.
        """
    @property
    def threshold(self) -> float:
        """The threshold of the confusion table."""
    def to_dict(self, /) -> dict[str, Any]:
        """`n`, `n_positive`, `threshold`, `metrics`, `confusion` and `curves` as plain values."""

@final
class Event:
    """One report of progress: `done` of `total` pieces of `stage`."""

    @property
    def done(self) -> int:
        """Pieces done."""
    @property
    def stage(self) -> str:
        """What is being done."""
    @property
    def total(self) -> int:
        """Pieces in all."""

@final
class Model:
    """A trained model. It does not change, and may be used by many threads at once."""

    def __copy__(self, /) -> Model: ...
    def __deepcopy__(self, /, memo: Any) -> Model: ...
    def __reduce__(self, /) -> tuple[Any, ...]:
        """Helper for pickle."""
    def _repr_html_(self, /) -> str:
        """What it predicts, how well and by what, for notebooks."""
    def contributions(self, /, row: Any) -> dict[str, float]:
        """Contribution of every original column to the row's log-odds, and `"(base)"`: `{column: float}`. Their sum is the
        log-odds of `proba_one`. Exact, for additive learners only.
        """
    @property
    def digest(self) -> str:
        """SHA-256 of the model's content, 64 hexadecimal digits: equal models, equal digest."""
    def evaluate(self, /, data: Any, *, names: Sequence[str] | None = None, n_threads: int | None = None, progress: _Progress | None = None) -> Evaluation:
        """How good the model is on labelled rows."""
    @staticmethod
    def from_bytes(data: bytes | bytearray) -> Model:
        """The model of bytes that `to_bytes` gave, or that stand in a model's file."""
    def importances(self, /) -> dict[str, dict[str, Any]]:
        """What each column did in the model's trees, greatest gain first: `{column: {"gain": float, "splits": int, "cover":
        float}}`. For learners of trees; see `terms` for the others.
        """
    @property
    def labels(self) -> list[Any]:
        """`[negative, positive]`, in the target's own type."""
    @property
    def learner(self) -> str:
        """The learner's name; `"blend"` for several."""
    @property
    def params(self) -> dict[str, Any]:
        """The learner's parameters; of a blend `{"members": [{"learner", "weight", "params"}, …]}`."""
    @property
    def pipeline(self) -> Pipeline:
        """What is done to each column before the learner sees it; of a blend, before its heaviest member does."""
    @property
    def pipelines(self) -> list[Pipeline]:
        """One pipeline a learner: one, or one for each member of a blend, heaviest first, as in `params["members"]`."""
    def predict(self, /, data: Any, *, names: Sequence[str] | None = None, n_threads: int | None = None, progress: _Progress | None = None) -> NDArray[Any]:
        """The label of every row at the model's threshold, in the target's own type."""
    def predict_one(self, /, row: Any) -> Prediction:
        """Probability, label, and what had to be repaired, of one row."""
    def predict_proba(self, /, data: Any, *, names: Sequence[str] | None = None, n_threads: int | None = None, progress: _Progress | None = None) -> NDArray[np.float64]:
        """P(target == positive) of every row, in row order.

        `data` is a table of any sort (see `Table`) or a list of dict rows; columns are found by name, further columns are
        passed over, gaps and unseen categories are handled as in training.
        """
    def proba_one(self, /, row: Any) -> float:
        """P(target == positive) of one row, a mapping of column names to values. Equal to `predict_proba` of the same row to
        the last bit; microseconds.
        """
    def save(self, /, path: str | os.PathLike[str]) -> None:
        """Write the model's file: whole or not at all."""
    @property
    def schema(self) -> Schema:
        """What each column is and what it is for."""
    def terms(self, /) -> list[dict[str, Any]]:
        """Each column's effect as a table: `column`, `kind`, `importance`, and `values` with `value`, `contribution`, `low`,
        `high`. For additive learners only.
        """
    @property
    def threshold(self) -> float:
        """Rows with at least this probability get the positive label."""
    def to_bytes(self, /) -> bytes:
        """The bytes that `save` writes."""
    @property
    def training(self) -> Training:
        """How the model was trained."""
    def with_term(self, /, column: str, values: Any) -> Model:
        """The same model with the contributions of one column as a person writes them; `glassbox` only. `training["edits"]` keeps
        the term as it was.

        `values` is a dict from value to contribution, pairs of both, or the `values` of `terms()`; None is a gap. Between
        numbers contributions go in straight lines; levels and gaps that are not given keep theirs.
        """
    def with_threshold(self, /, threshold: float) -> Model:
        """The same model with another threshold."""
    def without_term(self, /, term: str) -> Model:
        """The same model without a term: a column, whose pairs go with it, or one pair `A × B`; `glassbox` only."""

@final
class Pipeline:
    """The fitted preprocessing, printed as a table: one line a column."""

    def __str__(self, /) -> str:
        """Return str(self)."""
    @property
    def columns(self) -> list[dict[str, Any]]:
        """One dict a column: `column`, `expression` (of a derived one, else None), `steps` in words, `features` by name."""
    @property
    def features(self) -> list[dict[str, Any]]:
        """One dict a feature of the learner, in order: `feature`, the `column` it is made of, and its `sources` in the table."""
    @property
    def params(self) -> dict[str, Any]:
        """The `preprocess` it was fitted by, built-in expressions written out."""
    @property
    def selection(self) -> dict[str, Any] | None:
        """What selection kept and dropped, and why; None where there was none."""
    def to_dict(self, /) -> dict[str, Any]:
        """All of it as a dict of plain values."""

@final
class Prediction:
    """Probability, label and repairs of one row."""

    @property
    def label(self) -> Any:
        """The label at the threshold, in the target's own type."""
    @property
    def proba(self) -> float:
        """P(target == positive)."""
    @property
    def threshold(self) -> float:
        """The threshold."""
    def to_dict(self, /) -> dict[str, Any]:
        """Everything as a dict of plain values."""
    @property
    def warnings(self) -> list[Warning]:
        """What was repaired, in column order."""

@final
class Profile:
    """What a table's columns look like, in kilobytes and without a row: counts, exact moments, ends, and how the values are
    spread. Names of levels are kept: leave out columns of names or ids.

    Profiles merge exactly: those of a table's parts, merged in any order, are the profile of the whole to the last byte. A
    cluster makes one a partition.
    """

    def __eq__(self, value: object, /) -> bool: ...
    def __reduce__(self, /) -> tuple[Any, ...]:
        """Helper for pickle."""
    @staticmethod
    def from_bytes(data: bytes | bytearray) -> Profile:
        """The profile of bytes that `to_bytes` gave."""
    def merge(self, /, other: Profile) -> Profile:
        """Adds the rows of another profile of the same columns to this one, and returns it. On an error it is as before."""
    @property
    def n_rows(self) -> int:
        """Rows seen."""
    @property
    def names(self) -> list[str]:
        """The columns' names, sorted."""
    @staticmethod
    def of(data: Any, *, n_threads: int | None = None, progress: _Progress | None = None) -> Profile:
        """The profile of a table, or of a `Source`, which is read batch by batch and never held as a whole."""
    def to_bytes(self, /) -> bytes:
        """As bytes. The same rows give the same bytes, in whatever order and parts they came, in every language."""
    def to_dict(self, /) -> dict[str, Any]:
        """`{"n_rows", "columns": {name: {"kind", "n_missing", "missing_rate", …}}}` as plain values. A number or time (in days since
        1970) has `mean`, `std`, `min`, `max`, `n_infinite` and `quantiles`, a category or truth value the counts of its `levels`.
        """
    def update(self, /, data: Any, *, n_threads: int | None = None, progress: _Progress | None = None) -> Profile:
        """Adds the rows of a table or `Source` to this profile, and returns it. Its columns are read, others passed over; on an
        error it is as before.
        """
    __hash__ = None  # type: ignore[assignment]

@final
class Schema:
    """What each column is (`kind`) and what it is for (`role`), with the reasons of every guess.

    A schema does not change: every method that sets something returns a new one.
    """

    def __eq__(self, value: object, /) -> bool: ...
    def __len__(self, /) -> int: ...
    def __reduce__(self, /) -> tuple[Any, ...]:
        """Helper for pickle."""
    def _repr_html_(self, /) -> str:
        """One line a column, for notebooks."""
    def check(self, /, data: Any, *, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Every way in which a table does not fit: one dict a problem; empty when it fits."""
    def exclude(self, /, columns: str | Sequence[str]) -> Schema:
        """The columns are not used. One name or several."""
    @property
    def features(self) -> list[str]:
        """The names of the model's inputs, in order."""
    @property
    def fields(self) -> list[dict[str, Any]]:
        """One dict a column: `name`, `kind`, `role`, `is_integer`, and where there are some `vocabulary`, `range`, `notes`."""
    @classmethod
    def from_json(cls, json: str) -> Schema:
        """Read what `to_json` wrote."""
    def id(self, /, name: str) -> Schema:
        """The column names the rows."""
    @classmethod
    def infer(cls, data: Any, *, names: Sequence[str] | None = None) -> Schema:
        """Guess kinds and roles from a table: constants and ids are dropped from the inputs, everything else stays, and
        what looks odd carries a note.
        """
    def kind(self, /, name: str, kind: str) -> Schema:
        """Give a column a kind: `"number"`, `"category"`, `"bool"` or `"time"`."""
    def role(self, /, name: str, role: str) -> Schema:
        """Give a column a role: `"feature"`, `"id"`, `"sensitive"`, `"time"`, `"group"`, `"weight"` or `"ignored"`."""
    def sensitive(self, /, columns: str | Sequence[str]) -> Schema:
        """The columns are protected attributes: audited, never inputs. One name or several."""
    def target(self, /, name: str, positive: Any = None) -> Schema:
        """Predict the column `name`: the probability that it equals `positive`."""
    def to_dict(self, /) -> dict[str, Any]:
        """The schema as a dict."""
    def to_json(self, /) -> str:
        """The schema as JSON."""
    __hash__ = None  # type: ignore[assignment]

@final
class Source:
    """A table in batches: what does not fit in memory is read piece by piece.

    `Source(data)` takes an iterable of tables (each of them anything that `Table` takes), anything with `__arrow_c_stream__`,
    which is read batch by batch, or one table. `scan_csv` and `scan_parquet` make sources of files. All batches have the
    same columns. `for table in source` reads it from the start; a generator or a stream can be read once.
    """

    def __new__(cls, data: Any) -> Source: ...
    def __iter__(self, /) -> Batches: ...
    def collect(self, /, *, n_threads: int | None = None, progress: _Progress | None = None) -> Table:
        """All batches as one table. Whole numbers and floats together are floats; a column without any value in a batch takes
        the others' type.
        """

@final
class Table:
    """Named, typed columns of equal length.

    `Table(data)` takes what every call takes: a pandas or polars frame, anything with `__arrow_c_stream__` or
    `__arrow_c_array__`, a dict of columns, a list of dict rows, a 2-D NumPy array with `names`. The table holds its
    own copy: changing the data later does not change it.
    """

    def __new__(cls, data: Any, *, names: Sequence[str] | None = None) -> Table: ...
    def __arrow_c_stream__(self, /, requested_schema: Any = None) -> object:
        """The Arrow C stream: one batch of Float64, Int64, Boolean, Timestamp and Dictionary columns, gaps as nulls."""
    def __contains__(self, key: str, /) -> bool: ...
    def __getitem__(self, key: str, /) -> NDArray[Any]: ...
    def __len__(self, /) -> int: ...
    def _repr_html_(self, /) -> str:
        """The first ten rows, for notebooks."""
    @property
    def n_columns(self) -> int:
        """Number of columns."""
    @property
    def n_rows(self) -> int:
        """Number of rows."""
    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
    def to_dict(self, /) -> dict[str, list[Any]]:
        """`{name: list of values}`, a gap as None."""
    def to_pandas(self, /) -> Any:
        """A pandas DataFrame. Whole numbers and truth values with gaps take pandas' nullable types."""
    def to_polars(self, /) -> Any:
        """A polars DataFrame."""
    @property
    def types(self) -> dict[str, str]:
        """`{name: "float" | "int" | "string" | "bool" | "time"}`."""
    def write_csv(self, /, path: str | os.PathLike[str]) -> None:
        """Write a CSV file, gzipped where the path ends in `.gz`, whole or not at all: a header, floats in the shortest form that
        reads back, times in RFC 3339, a gap as an empty field. A string that looks like another type, or is empty, is read
        back as what it looks like; Parquet keeps every value and type.
        """
    def write_parquet(self, /, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file (zstd; strings as dictionaries, times as UTC microseconds), whole or not at all."""

@final
class Training:
    """How a model was trained, printed as its leaderboard."""

    def __getitem__(self, key: str, /) -> Any: ...
    def __str__(self, /) -> str:
        """Return str(self)."""
    def _repr_html_(self, /) -> str:
        """The leaderboard and the estimates, for notebooks."""
    def to_dict(self, /) -> dict[str, Any]:
        """Flat scalars first (fit for logging), then folds, leaderboard and trials."""

@final
class Warning:
    """One repair of a row."""

    @property
    def column(self) -> str:
        """The column."""
    @property
    def kind(self) -> str:
        """`"missing"`, `"unseen"`, `"out_of_range"`, or `"not_computable"` for a derived feature."""
    @property
    def message(self) -> str:
        """The same in words."""

@final
class _Study:
    """A search, as `attrition.Study` drives it."""

    def __new__(cls, space: Mapping[str, Any], options: Mapping[str, Any], storage: str | os.PathLike[str] | None = None) -> _Study: ...
    def ask(self, /) -> dict[str, Any]:
        """The next trial."""
    def best(self, /) -> dict[str, Any]:
        """The best trial."""
    def enqueue(self, /, params: Mapping[str, Any]) -> int:
        """A trial that is asked for first."""
    @property
    def finished(self) -> list[int]:
        """Numbers of the finished trials, in the order in which they were told."""
    def hypervolume(self, /, reference: Sequence[float]) -> float:
        """What the front covers."""
    def importance(self, /, objective: int = 0) -> dict[str, Any]:
        """What each parameter explains."""
    @staticmethod
    def load(path: str | os.PathLike[str]) -> _Study:
        """The study of a journal."""
    def note(self, /, number: int, name: str, value: Any) -> None:
        """Keeps a fact with a trial."""
    def optimize(self, /, call: Callable[[dict[str, Any]], tuple[str, Any]], options: Mapping[str, Any], progress: _Progress | None = None) -> None:
        """Runs `call(trial) -> outcome` until enough trials are finished."""
    @property
    def options(self) -> dict[str, Any]:
        """The options as plain data."""
    def pareto_front(self, /) -> list[dict[str, Any]]:
        """The trials that no other dominates."""
    def refresh(self, /) -> None:
        """Brings in what other processes wrote."""
    def report(self, /, number: int, step: int, value: float) -> bool:
        """Keeps an intermediate value, and says whether the pruner would stop there."""
    def set_space(self, /, space: Mapping[str, Any]) -> None:
        """Another space from here on."""
    @property
    def space(self) -> dict[str, Any]:
        """The space as plain data."""
    def tell(self, /, number: int, outcome: tuple[str, Any]) -> dict[str, Any]:
        """What came of a trial: `("complete", value)`, `("pruned", None)`, `("failed", message)`."""
    @property
    def trials(self) -> list[dict[str, Any]]:
        """Every trial."""

def _best_threshold(y: Any, proba: Any, beta: float, sample_weight: Any = None) -> float:
    """See `attrition.metrics.best_threshold`."""

def _calibration_curve(y: Any, proba: Any, sample_weight: Any, n_bins: int, strategy: str) -> list[dict[str, Any]]:
    """See `attrition.metrics.calibration_curve`."""

def _calibration_error(y: Any, proba: Any, sample_weight: Any, n_bins: int) -> tuple[float, float]:
    """See `attrition.metrics.calibration_error`."""

def _confusion(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> dict[str, float]:
    """See `attrition.metrics.confusion`."""

def _cross_validate(data: Any, options: Mapping[str, Any], folds: Any = None, progress: _Progress | None = None, names: Sequence[str] | None = None) -> CrossValidation:
    """Cross-validate by options. See `attrition.cross_validate`."""

def _employees(knobs: Mapping[str, Any]) -> tuple[Table, NDArray[np.float64]]:
    """See `attrition.datasets`."""

def _error_kinds() -> dict[str, str]:
    """`{class name: code}` of every kind of error, for the test that walks them."""

def _metric(name: str, y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> tuple[float, float | None, float | None]:
    """A metric by name with its interval: `(value, low, high)`. See `attrition.metrics`."""

def _metric_names() -> list[str]:
    """The names that `_metrics` reports."""

def _metrics(y: Any, proba: Any, sample_weight: Any = None, threshold: float = 0.5) -> dict[str, tuple[float, float | None, float | None]]:
    """Every metric with its interval: `{name: (value, low, high)}`. See `attrition.metrics`."""

def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the core understands them, with every default filled in; for tests."""

def _precision_recall_curve(y: Any, proba: Any, sample_weight: Any = None) -> _Curve:
    """See `attrition.metrics.precision_recall_curve`."""

def _roc_curve(y: Any, proba: Any, sample_weight: Any = None) -> _Curve:
    """See `attrition.metrics.roc_curve`."""

def _train(data: Any, options: Mapping[str, Any], folds: Any = None, progress: _Progress | None = None, names: Sequence[str] | None = None) -> Model:
    """Train by options. See `attrition.train`."""

def load(path: str | os.PathLike[str]) -> Model:
    """Read a model's file."""

def read_csv(path: str | os.PathLike[str], *, delimiter: str = ',', missing: str | Sequence[str] | None = None, text: str | Sequence[str] | None = None, trim: bool = False, n_threads: int | None = None, progress: _Progress | None = None) -> Table:
    """Read a CSV file: a header, then records; types are found over the whole file.

    `missing` are the fields that are missing values (None: those of pandas), `text` the columns that are strings whatever
    they look like, `trim` takes blanks from around strings.
    """

def read_ipc(path: str | os.PathLike[str]) -> Table:
    """Read an Arrow IPC file (Feather v2), or a file that holds an Arrow IPC stream."""

def read_json(path: str | os.PathLike[str]) -> Table:
    """Read a JSON file, gzipped or not: an array of objects, one a row, or an object of arrays, one a column."""

def read_ndjson(path: str | os.PathLike[str], *, progress: _Progress | None = None) -> Table:
    """Read newline-delimited JSON, gzipped or not: one object a line, one line a row."""

def read_parquet(path: str | os.PathLike[str], *, columns: str | Sequence[str] | None = None, n_threads: int | None = None, progress: _Progress | None = None) -> Table:
    """Read a Parquet file; `columns` are those to read, in this order (None: all)."""

def read_sql(query: str, url: str, *, progress: _Progress | None = None) -> Table:
    """Read the rows of a query, or of a table by its bare name, from SQLite or PostgreSQL.

    `url` is `sqlite:///file.db`, `sqlite:////absolute/file.db` or
    `postgresql://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`; the password may stand in the
    environment's PGPASSWORD instead. Nothing is ever written: the query is one that only reads. Errors show no password.
    """

def scan_csv(path: str | os.PathLike[str], *, delimiter: str = ',', missing: str | Sequence[str] | None = None, text: str | Sequence[str] | None = None, trim: bool = False, n_threads: int | None = None, progress: _Progress | None = None) -> Source:
    """Read a CSV file in batches; the options are those of `read_csv`. Types are found over the whole file by a first pass that
    keeps nothing, so that the batches together are what `read_csv` reads.
    """

def scan_parquet(path: str | os.PathLike[str], *, columns: str | Sequence[str] | None = None, batch_rows: int = 65536) -> Source:
    """Read a Parquet file in batches of at most `batch_rows` rows; `columns` are those to read, in this order (None: all)."""

def scan_sql(query: str, url: str, *, batch_rows: int = 65536) -> Source:
    """Read the rows of a query, or of a table by its bare name, from SQLite or PostgreSQL in batches; see `read_sql`. The
    connection is opened when the first batch is read.
    """

__all__ = ['Batches', 'CrossValidation', 'Evaluation', 'Event', 'Model', 'Pipeline', 'Prediction', 'Profile', 'Schema', 'Source', 'Table', 'Training', 'Warning', '_Study', '_best_threshold', '_calibration_curve', '_calibration_error', '_confusion', '_cross_validate', '_employees', '_error_kinds', '_metric', '_metric_names', '_metrics', '_options', '_precision_recall_curve', '_roc_curve', '_train', 'load', 'read_csv', 'read_ipc', 'read_json', 'read_ndjson', 'read_parquet', 'read_sql', 'scan_csv', 'scan_parquet', 'scan_sql']
