"""Tabular risk models: one artifact, three languages, scores equal to the last bit.

>>> import attrition
>>> employees = attrition.datasets.employees(n_rows=1470, seed=0)
>>> model = attrition.train(employees, target="Attrition", positive="Yes")
>>> model.save("attrition.model")
>>> attrition.load("attrition.model").proba_one({"Age": 29, "OverTime": "Yes"})

Data in: pandas and polars frames, anything with ``__arrow_c_stream__`` or ``__arrow_c_array__``, a dict of columns, a list of
dict rows, a 2-D NumPy array with ``names=``, an :class:`attrition.Table`. Columns are found by name. Scores come out as NumPy.
"""

from __future__ import annotations

from . import datasets, drift, metrics
from ._core import (
    CrossValidation,
    Evaluation,
    Event,
    Model,
    Pipeline,
    Prediction,
    Schema,
    Source,
    Table,
    Training,
    Warning,
    load,
    read_csv,
    read_ipc,
    read_json,
    read_ndjson,
    read_parquet,
    read_sql,
    scan_csv,
    scan_parquet,
    scan_sql,
)
from ._errors import (
    ArtifactError,
    AttritionError,
    CancelledError,
    FileError,
    InternalError,
    InvalidDataError,
    InvalidParamError,
    NotFoundError,
    NumericError,
    SchemaMismatchError,
    UnsupportedError,
)
from ._train import cross_validate, train
from ._tune import Choice, Float, Int, Study, Trial, TrialPruned

__all__ = [
    "ArtifactError",
    "AttritionError",
    "CancelledError",
    "Choice",
    "CrossValidation",
    "Evaluation",
    "Event",
    "FileError",
    "Float",
    "Int",
    "InternalError",
    "InvalidDataError",
    "InvalidParamError",
    "Model",
    "NotFoundError",
    "NumericError",
    "Pipeline",
    "Prediction",
    "Schema",
    "SchemaMismatchError",
    "Source",
    "Study",
    "Table",
    "Training",
    "Trial",
    "TrialPruned",
    "UnsupportedError",
    "Warning",
    "cross_validate",
    "datasets",
    "drift",
    "load",
    "metrics",
    "read_csv",
    "read_ipc",
    "read_json",
    "read_ndjson",
    "read_parquet",
    "read_sql",
    "scan_csv",
    "scan_parquet",
    "scan_sql",
    "train",
]
