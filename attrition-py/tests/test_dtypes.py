"""Every dtype of pandas and polars, in and out; what is installed beside NumPy is a convenience, never a need."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import polars as pl
import pytest
from attrition import Table
from hypothesis import given, settings
from hypothesis import strategies as st

DAY = dt.datetime(2024, 5, 31)
ROOT = Path(__file__).resolve().parents[1]


def column(values: Any) -> tuple[str, list[Any]]:
    table = Table(values.to_frame("x"))
    return table.types["x"], table.to_dict()["x"]


WHOLE = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
# dtype, what goes in, the column's type, what comes out
PANDAS: list[tuple[str, list[Any], str, list[Any]]] = [
    *((name, [1, 2], "int", [1, 2]) for name in WHOLE),
    *((name.replace("int", "Int").replace("uI", "UI"), [1, None], "int", [1, None]) for name in WHOLE),
    ("float16", [1.5, None], "float", [1.5, None]),
    ("float32", [1.5, None], "float", [1.5, None]),
    ("float64", [1.5, None], "float", [1.5, None]),
    ("Float32", [1.5, None], "float", [1.5, None]),
    ("Float64", [1.5, None], "float", [1.5, None]),
    ("bool", [True, False], "bool", [True, False]),
    ("boolean", [True, None], "bool", [True, None]),
    ("object", ["a", None], "string", ["a", None]),
    ("object", [1, None], "int", [1, None]),
    ("object", [True, None], "bool", [True, None]),
    ("object", [dt.date(2024, 5, 31), None], "time", [DAY, None]),
    ("object", [decimal.Decimal("1.5"), None], "float", [1.5, None]),
    ("object", [None, None], "float", [None, None]),
    ("string", ["a", None], "string", ["a", None]),
    ("string[python]", ["a", None], "string", ["a", None]),
    ("string[pyarrow]", ["a", None], "string", ["a", None]),
    ("str", ["a", None], "string", ["a", None]),
    ("category", ["a", None], "string", ["a", None]),
    ("category", [2, None], "string", ["2", None]),
    ("category", [True, None], "string", ["true", None]),
    ("datetime64[s]", ["2024-05-31", None], "time", [DAY, None]),
    ("datetime64[ms]", ["2024-05-31", None], "time", [DAY, None]),
    ("datetime64[us]", ["2024-05-31", None], "time", [DAY, None]),
    ("datetime64[ns]", ["2024-05-31", None], "time", [DAY, None]),
    ("datetime64[ns, UTC]", ["2024-05-31", None], "time", [DAY, None]),
    ("datetime64[us, Europe/Berlin]", ["2024-05-31 02:00", None], "time", [DAY, None]),
    ("Sparse[int]", [1, 0], "int", [1, 0]),
    ("Sparse[float]", [1.5, None], "float", [1.5, None]),
    ("int64[pyarrow]", [1, None], "int", [1, None]),
    ("uint8[pyarrow]", [1, None], "int", [1, None]),
    ("double[pyarrow]", [1.5, None], "float", [1.5, None]),
    ("bool[pyarrow]", [True, None], "bool", [True, None]),
    ("timestamp[ns][pyarrow]", ["2024-05-31", None], "time", [DAY, None]),
    ("date32[pyarrow]", [dt.date(2024, 5, 31), None], "time", [DAY, None]),
]


@pytest.mark.parametrize(("dtype", "values", "kind", "expected"), PANDAS, ids=[str(p[0]) for p in PANDAS])
def test_every_dtype_of_pandas(dtype: str, values: list[Any], kind: str, expected: list[Any]) -> None:
    if "pyarrow" in dtype:
        pytest.importorskip("pyarrow")
    series = pd.Series(values, dtype=dtype)
    assert column(series) == (kind, expected)
    # A slice with steps, an index of its own, no rows: the same columns.
    assert column(pd.concat([series, series]).iloc[::2].set_axis([7, 7])) == (kind, [expected[0]] * 2)
    assert len(Table(series.to_frame("x").head(0))) == 0
    # Out and in again.
    table = Table(series.to_frame("x"))
    assert Table(table.to_pandas()).to_dict() == {"x": expected}
    assert Table(table.to_polars()).to_dict() == {"x": expected}


POLARS: list[tuple[Any, list[Any], str, list[Any]]] = [
    *((t, [1, None], "int", [1, None]) for t in (pl.Int8, pl.Int16, pl.Int32, pl.Int64)),
    *((t, [1, None], "int", [1, None]) for t in (pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64)),
    (pl.Float32, [1.5, None], "float", [1.5, None]),
    (pl.Float64, [1.5, None, float("nan")], "float", [1.5, None, None]),
    (pl.Boolean, [True, None], "bool", [True, None]),
    (pl.String, ["a", None], "string", ["a", None]),
    (pl.Categorical, ["a", None], "string", ["a", None]),
    (pl.Enum(["b", "a"]), ["a", None], "string", ["a", None]),
    (pl.Date, [dt.date(2024, 5, 31), None], "time", [DAY, None]),
    (pl.Datetime("ms"), [DAY, None], "time", [DAY, None]),
    (pl.Datetime("us"), [DAY, None], "time", [DAY, None]),
    (pl.Datetime("ns"), [DAY, None], "time", [DAY, None]),
    (pl.Datetime("us", "UTC"), [DAY.replace(tzinfo=dt.timezone.utc), None], "time", [DAY, None]),
    (pl.Decimal(10, 2), [decimal.Decimal("1.50"), None], "float", [1.5, None]),
]


@pytest.mark.parametrize(("dtype", "values", "kind", "expected"), POLARS, ids=[str(p[0]) for p in POLARS])
def test_every_dtype_of_polars(dtype: Any, values: list[Any], kind: str, expected: list[Any]) -> None:
    series = pl.Series("x", values, dtype=dtype)
    assert column(series) == (kind, expected)
    table = Table({"x": series})
    assert (table.types["x"], table.to_dict()["x"]) == (kind, expected)
    chunked = pl.concat([series, series], rechunk=False)
    assert column(chunked)[1] == expected + expected
    assert column(chunked[1:3])[1] == (expected + expected)[1:3]
    assert Table(table.to_polars()).to_dict() == {"x": expected}
    assert Table(table.to_pandas()).to_dict() == {"x": expected}


@pytest.mark.parametrize(
    "series",
    [
        pd.Series(pd.to_timedelta([1], unit="s")),
        pd.Series(pd.period_range("2024", periods=1)),
        pd.Series([pd.Interval(0, 1)]),
        pd.Series([1j]),
        pd.Series([[1]]),
        pd.Series([b"a"]),
        pl.Series([dt.timedelta(1)]),
        pl.Series([[1]]),
        pl.Series([{"a": 1}]),
        pl.Series([b"a"]),
        pl.Series([object()], dtype=pl.Object),
    ],
    ids=lambda s: str(s.dtype),
)
def test_what_no_column_holds_is_refused_by_name(series: Any) -> None:
    with pytest.raises(attrition.AttritionError, match="x"):
        Table(series.to_frame("x"))


def test_the_kinds_of_columns_out() -> None:
    table = Table(
        {"i": [1, None], "j": [1, 2], "f": [1.5, None], "b": [True, None], "s": ["a", None], "t": [DAY, None]}
    )
    frame = table.to_pandas()
    assert [str(t) for t in frame.dtypes][:4] == ["Int64", "int64", "float64", "boolean"]
    assert frame["t"].dtype.kind == "M" and frame.index.equals(pd.RangeIndex(2))
    assert frame.isna().sum().tolist() == [1, 0, 1, 1, 1, 1]
    polars = table.to_polars()
    assert polars.schema["i"] == pl.Int64 and polars.schema["b"] == pl.Boolean
    assert polars.null_count().row(0) == (1, 0, 1, 1, 1, 1)


cell = {
    "float": st.none() | st.floats(allow_nan=False),
    "int": st.none() | st.integers(-(2**53), 2**53),
    "bool": st.none() | st.booleans(),
    "string": st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).map("t".__add__),
    "time": st.none() | st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
}


@st.composite
def frames(draw: st.DrawFn) -> dict[str, tuple[str, list[Any]]]:
    n_rows = draw(st.integers(1, 8))
    kinds = draw(st.lists(st.sampled_from(sorted(cell)), min_size=1, max_size=5))
    # Polars ends the process at a name with a NUL.
    letters = st.characters(exclude_characters="\0")
    names = draw(st.lists(st.text(letters, max_size=5), min_size=len(kinds), max_size=len(kinds), unique=True))
    columns = {}
    for name, kind in zip(names, kinds, strict=True):
        values = draw(st.lists(cell[kind], min_size=n_rows, max_size=n_rows))
        columns[name.encode("utf-8", "ignore").decode() + str(len(columns))] = (kind, values)
    return columns


POLARS_TYPE = {"float": pl.Float64, "int": pl.Int64, "bool": pl.Boolean, "string": pl.String, "time": pl.Datetime("us")}
PANDAS_TYPE = {"float": "float64", "int": "Int64", "bool": "boolean", "string": "string", "time": "datetime64[us]"}


@settings(max_examples=80, deadline=None)
@given(frames())
def test_frames_go_round(columns: dict[str, tuple[str, list[Any]]]) -> None:
    expected = {name: values for name, (_, values) in columns.items()}
    kinds = {name: kind for name, (kind, _) in columns.items()}
    polars = pl.DataFrame([pl.Series(name, v, dtype=POLARS_TYPE[kind]) for name, (kind, v) in columns.items()])
    pandas = pd.DataFrame({name: pd.Series(v, dtype=PANDAS_TYPE[kind]) for name, (kind, v) in columns.items()})
    for frame in (polars, pandas):
        table = Table(frame)
        assert table.types == kinds
        assert table.to_dict() == expected
        assert list(table.names) == list(expected)
        for again in (table.to_polars(), table.to_pandas()):
            assert Table(again).types == kinds
            assert Table(again).to_dict() == expected


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=6), st.sampled_from("CF"))
def test_matrices_go_by_column(rows: list[list[float]], order: Any) -> None:
    matrix = np.array(rows, order=order)
    table = Table(matrix, names=["a", "b", "c"])
    for i, name in enumerate(table.names):
        np.testing.assert_array_equal(table[name], matrix[:, i])
    reversed_table = Table(matrix[::-1, ::-1], names=["c", "b", "a"])
    np.testing.assert_array_equal(reversed_table["a"], matrix[::-1, 0])


def run(code: str, *, without: tuple[str, ...] = (), env: dict[str, str] | None = None) -> str:
    """The output of a Python of its own in which some packages cannot be imported."""
    blocked = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in without)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocked + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, **(env or {})},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_pandas_needs_no_pyarrow() -> None:
    code = """
        import attrition
        import pandas as pd
        employees = attrition.datasets.employees(300, seed=0)
        frame = employees.to_pandas()
        frame["OverTime"] = frame["OverTime"].astype("category")
        frame["JobLevel"] = frame["JobLevel"].astype("Int64")
        frame["Hired"] = pd.Timestamp("2024-05-31")
        model = attrition.train(frame, target="Attrition", positive="Yes", learner="logistic", cv=None)
        proba = model.predict_proba(frame)
        assert (proba == model.predict_proba(employees)).all()
        assert attrition.Table(frame).types["OverTime"] == "string"
        assert "pyarrow" not in [name for name, module in sys.modules.items() if module is not None]
        print("done", len(proba))
    """
    assert run(code, without=("pyarrow",)) == "done 300\n"


def test_numpy_is_all_that_is_needed() -> None:
    code = """
        import attrition
        employees = attrition.datasets.employees(300, seed=0)
        model = attrition.train(
            employees.to_dict(), target="Attrition", positive="Yes", learner="logistic", cv=None, progress=True
        )
        proba = model.predict_proba(employees)
        assert attrition.Model.from_bytes(model.to_bytes()).proba_one({"Age": 41}) > 0
        assert len(model.evaluate(employees)._repr_html_()) > 1000
        for name in ("to_pandas", "to_polars"):
            try:
                getattr(employees, name)()
            except ImportError:
                pass
            else:
                raise AssertionError(name)
        try:
            import attrition.sklearn
        except ImportError as error:
            assert "pip install" in str(error)
        else:
            raise AssertionError
        print("done", len(proba))
    """
    without = ("pandas", "polars", "pyarrow", "sklearn", "joblib", "scipy", "matplotlib", "tqdm")
    assert run(code, without=without) == "done 300\n"


def test_import_takes_nothing_along() -> None:
    code = """
        import numpy
        before = set(sys.modules)
        import attrition
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(new - set(sys.stdlib_module_names)))
    """
    assert run(code) == "['attrition']\n"
