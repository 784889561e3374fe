"""One rule for a row, whatever objects it is made of: each equals its row of a batch to the last bit."""

from __future__ import annotations

import collections
import decimal
import types
from typing import Any

import attrition
import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

_FRAME = attrition.datasets.employees(300, seed=1).to_pandas()
_FRAME["Flag"] = (_FRAME["Age"] > 40).astype(bool)
_FRAME["Hired"] = pd.to_datetime("2020-01-01") + pd.to_timedelta(_FRAME["YearsAtCompany"], unit="D")
MODEL = attrition.train(
    _FRAME,
    target="Attrition",
    positive="Yes",
    learner="logistic",
    cv=None,
    holdout=None,
    calibration=None,
    schema=attrition.Schema.infer(_FRAME).role("Hired", "feature"),
)
LEVELS = {f["name"]: f.get("vocabulary", []) for f in MODEL.schema.fields}
KINDS = {f["name"]: f["kind"] for f in MODEL.schema.fields if f["role"] == "feature"}


def values(name: str) -> st.SearchStrategy[Any]:
    gap = st.sampled_from([None, float("nan"), pd.NA, pd.NaT, np.float64("nan")])
    if KINDS[name] == "number":
        number = st.one_of(st.integers(-(2**40), 2**40), st.floats(allow_infinity=False, width=32))
        boxed = number.map(np.float64) | st.integers(-100, 100).map(np.int8) | st.booleans()
        return number | boxed | st.integers(0, 99).map(decimal.Decimal) | gap
    if KINDS[name] == "bool":
        return st.sampled_from([True, False, 0, 1, 0.0, 1.0, np.True_, np.int64(1)]) | gap
    if KINDS[name] == "time":
        moment = st.datetimes(
            pd.Timestamp(2000, 1, 1).to_pydatetime(),
            pd.Timestamp(2100, 1, 1).to_pydatetime(),
        )
        return moment | moment.map(pd.Timestamp) | moment.map(np.datetime64) | moment.map(lambda t: t.isoformat()) | gap
    return st.sampled_from(LEVELS[name]) | st.text(max_size=3) | st.sampled_from(LEVELS[name]).map(np.str_) | gap


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.sets(st.sampled_from(sorted(KINDS)), min_size=1))
    return {name: draw(values(name)) for name in names}


def plain(value: Any) -> Any:
    """The value as a builtin."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]").item()
    if isinstance(value, np.generic):
        return value.item()
    return value


@settings(max_examples=150, deadline=None)
@given(rows())
def test_rows_of_any_objects_score_alike(row: dict[str, Any]) -> None:
    expected = MODEL.proba_one(row)
    assert 0 <= expected <= 1
    builtin = {k: plain(v) for k, v in row.items()}
    for way in (
        builtin,
        {k: v for k, v in builtin.items() if v is not None} or builtin,
        {**row, "EmployeeNumber": 5, "other": object()},
        collections.OrderedDict(row),
        types.MappingProxyType(row),
        collections.defaultdict(lambda: 1 / 0, row),
        pd.Series(row, dtype=object),
    ):
        assert MODEL.proba_one(way) == expected
    assert MODEL.predict_proba([row, builtin]).tolist() == [expected, expected]
    assert MODEL.predict_one(row).proba == expected
    texts = {k: v for k, v in builtin.items() if not (KINDS[k] == "time" and isinstance(v, str))}
    if texts.keys() == builtin.keys():
        columns = {name: [builtin.get(name)] for name in KINDS}
        table = attrition.Table({n: typed(n, v) for n, v in columns.items()})
        assert MODEL.predict_proba(table)[0] == expected


def typed(name: str, column: list[Any]) -> Any:
    """A column with the storage of its kind, though it may hold nothing but a gap."""
    if KINDS[name] == "number":
        return np.array([np.nan if v is None else float(v) for v in column])
    if KINDS[name] == "bool":
        return pd.array([None if v is None else bool(v) for v in column], dtype="boolean")
    if KINDS[name] == "time":
        return np.array(column, dtype="datetime64[us]")
    return pd.Series(column, dtype=object)
