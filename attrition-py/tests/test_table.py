"""Tables in and out: every way in gives the same table."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import math
from pathlib import Path

import attrition
import numpy as np
import pandas as pd
import pytest
from attrition import Table
from hypothesis import given, settings
from hypothesis import strategies as st

NAN = float("nan")


def same(a: object, b: object) -> bool:
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def column(values: object) -> tuple[str, list[object]]:
    table = Table({"x": values})
    return table.types["x"], table.to_dict()["x"]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([1, 2, None], "int", [1, 2, None]),
        ([1, 2.5, None], "float", [1.0, 2.5, None]),
        ([1.0, NAN], "float", [1.0, None]),
        ([True, None, False], "bool", [True, None, False]),
        (["2024-05-31", None], "time", [dt.datetime(2024, 5, 31), None]),
        (["a", None, "b", "a"], "string", ["a", None, "b", "a"]),
        (["a", NAN, pd.NA], "string", ["a", None, None]),
        ([None, None], "float", [None, None]),
        ([], "float", []),
        ([dt.date(2024, 5, 31), None], "time", [dt.datetime(2024, 5, 31), None]),
        (
            [dt.datetime(2024, 5, 31, 1, 2, 3, 4), pd.NaT],
            "time",
            [dt.datetime(2024, 5, 31, 1, 2, 3, 4), None],
        ),
        (
            [dt.datetime(2024, 5, 31, 2, tzinfo=dt.timezone(dt.timedelta(hours=2)))],
            "time",
            [dt.datetime(2024, 5, 31)],
        ),
        (
            [pd.Timestamp("2024-05-31 01:02:03.123456789")],
            "time",
            [dt.datetime(2024, 5, 31, 1, 2, 3, 123456)],
        ),
        (
            [np.datetime64("2024-05-31"), np.datetime64("NaT")],
            "time",
            [dt.datetime(2024, 5, 31), None],
        ),
        ([decimal.Decimal("1.5"), 2], "float", [1.5, 2.0]),
        ([np.int8(1), np.int64(2)], "int", [1, 2]),
        ([np.float32(1.5), np.float64(2)], "float", [1.5, 2.0]),
        ([np.bool_(True), False], "bool", [True, False]),
        ([np.str_("a"), "b"], "string", ["a", "b"]),
        ([2**63, 1], "float", [float(2**63), 1.0]),
        ((1, 2), "int", [1, 2]),
        (range(3), "int", [0, 1, 2]),
        (np.array([1.5, NAN], dtype="float32"), "float", [1.5, None]),
        (np.array([1, 2], dtype="int16"), "int", [1, 2]),
        (np.array([1, 2], dtype="uint64"), "int", [1, 2]),
        (np.array([1, 2**63], dtype="uint64"), "float", [1.0, float(2**63)]),
        (np.array([1, 2], dtype=">i4"), "int", [1, 2]),
        (np.arange(6.0)[::2], "float", [0.0, 2.0, 4.0]),
        (np.array([True, False]), "bool", [True, False]),
        (np.array(["a", "bc"]), "string", ["a", "bc"]),
        (np.array([1, None, 2], dtype=object), "int", [1, None, 2]),
        (
            np.array(["2024-05-31", "NaT"], dtype="datetime64[ns]"),
            "time",
            [dt.datetime(2024, 5, 31), None],
        ),
        (
            np.array(["2024-05"], dtype="datetime64[M]"),
            "time",
            [dt.datetime(2024, 5, 1)],
        ),
        (pd.Series([1, None], dtype="Int64"), "int", [1, None]),
        (pd.Series([1, None], dtype="UInt8"), "int", [1, None]),
        (pd.Series([1.5, None], dtype="Float32"), "float", [1.5, None]),
        (pd.Series([True, None], dtype="boolean"), "bool", [True, None]),
        (pd.Series(["a", None], dtype="string"), "string", ["a", None]),
        (pd.Series(["a", None], dtype="object"), "string", ["a", None]),
        (pd.Series(["a", None, "b"], dtype="category"), "string", ["a", None, "b"]),
        (pd.Series([3, None, 1], dtype="category"), "string", ["3", None, "1"]),
        (pd.Series([1, 1, 0], dtype="Sparse[int]"), "int", [1, 1, 0]),
        (
            pd.Series(pd.to_datetime(["2024-05-31", None])),
            "time",
            [dt.datetime(2024, 5, 31), None],
        ),
        (
            pd.Series(pd.to_datetime(["2024-05-31 02:00+02:00", None], utc=True)).dt.tz_convert("Europe/Berlin"),
            "time",
            [dt.datetime(2024, 5, 31), None],
        ),
        (pd.array([1, None], dtype="Int64"), "int", [1, None]),
        (pd.Index(["a", "b"]), "string", ["a", "b"]),
        (pd.RangeIndex(3), "int", [0, 1, 2]),
    ],
)
def test_a_column_takes_its_type_by_value(values: object, kind: str, expected: list[object]) -> None:
    assert column(values) == (kind, expected)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


def test_subclasses_of_builtins_are_their_values() -> None:
    assert column([Level.LOW, Level.HIGH]) == ("int", [1, 2])


@pytest.mark.parametrize(
    ("values", "row", "message"),
    [
        ([1, "a"], 1, "got a text, expected a number as in the rows before"),
        ([None, "a", 1.5], 2, "got the number 1.5, expected a string as in the rows before"),
        (["a", dt.date(2024, 1, 1)], 1, "got an instant"),
        ([True, 2], 1, "expected a truth value"),
        ([True, "a"], 1, "expected a truth value as in the rows before"),
        ([1, b"a"], 1, "an object of type bytes"),
        ([1, [2]], 1, "an object of type list"),
        ([1, 2j], 1, "an object of type complex"),
        ([1, np.timedelta64(1, "s")], 1, "numpy.timedelta64"),
        (["a", "\ud800"], 1, "no valid Unicode"),
    ],
)
def test_mixed_and_foreign_values_name_their_row(values: object, row: int, message: str) -> None:
    for way in (
        values,
        np.array([*values, None], dtype=object)[:-1],
        pd.Series(values, dtype=object),
    ):  # type: ignore[misc]
        with pytest.raises(attrition.InvalidDataError, match=message) as caught:
            Table({"x": way})
        assert (caught.value.row, caught.value.column) == (row, "x")


@pytest.mark.parametrize(
    "values",
    [
        np.array([1j]),
        np.array([1], dtype="timedelta64[s]"),
        np.array([b"a"]),
        np.zeros((2, 2)),
        pd.Series(pd.to_timedelta([1], unit="s")),
        pd.Series(pd.period_range("2024", periods=1)),
        "text",
        {"a": 1},
        5,
    ],
)
def test_what_is_no_column_is_refused_by_name(values: object) -> None:
    with pytest.raises(attrition.InvalidDataError) as caught:
        Table({"x": values})
    assert caught.value.column == "x"


def test_a_pandas_frame_needs_no_pyarrow_and_keeps_every_column() -> None:
    frame = pd.DataFrame(
        {
            "f": [1.5, NAN],
            "i": [1, 2],
            "s": ["a", None],
            "b": [True, False],
            "t": pd.to_datetime(["2024-05-31", None]),
        }
    )
    table = Table(frame)
    assert table.types == {
        "f": "float",
        "i": "int",
        "s": "string",
        "b": "bool",
        "t": "time",
    }
    assert table.n_rows == len(table) == 2
    assert table.names == list(frame.columns)
    assert "f" in table
    assert "zz" not in table
    again = table.to_pandas()
    assert list(again.columns) == list(frame.columns)
    assert again["s"].isna().tolist() == [False, True]
    assert Table(again).to_dict() == table.to_dict()


def test_a_frame_of_one_block_is_read_by_column() -> None:
    values = np.arange(12.0).reshape(4, 3)
    frame = pd.DataFrame(values, columns=["a", "b", "c"])
    assert Table(frame).to_dict() == {n: values[:, i].tolist() for i, n in enumerate("abc")}
    assert Table(values, names=["a", "b", "c"]).to_dict() == Table(frame).to_dict()


def test_frames_with_odd_names() -> None:
    with pytest.raises(attrition.InvalidDataError, match="same name"):
        Table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    assert Table(pd.DataFrame([[1, 2]])).names == ["0", "1"]


def test_a_table_holds_its_own_copy() -> None:
    values = np.array([1.0, 2.0])
    table = Table({"x": values})
    values[0] = 9.0
    assert table.to_dict() == {"x": [1.0, 2.0]}


def test_a_list_of_rows_fills_absent_keys() -> None:
    table = Table([{"a": 1}, {"b": "x", "a": 2}, {}])
    assert table.to_dict() == {"a": [1, 2, None], "b": [None, "x", None]}
    with pytest.raises(attrition.InvalidDataError, match="item 1 is no dict"):
        Table([{"a": 1}, 2])


def test_a_structured_array_has_names() -> None:
    array = np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])
    assert Table(array).to_dict() == {"a": [1], "b": [2.5]}


def test_names_must_fit() -> None:
    for names in (None, ["a"]):
        with pytest.raises(attrition.InvalidParamError, match="2 names"):
            Table(np.zeros((3, 2)), names=names)
    with pytest.raises(attrition.InvalidDataError, match="dimension"):
        Table(np.zeros(3), names=["a"])


def test_ragged_columns_and_no_table() -> None:
    with pytest.raises(attrition.InvalidDataError, match="3 rows"):
        Table({"a": [1, 2], "b": [1, 2, 3]})
    for thing in (5, "file.csv", None, object()):
        with pytest.raises(attrition.InvalidDataError, match="expected a table"):
            Table(thing)


def test_columns_come_out_as_numpy() -> None:
    table = Table(
        {
            "f": [1.5, None],
            "i": [1, 2],
            "g": [1, None],
            "b": [True, False],
            "s": ["a", None],
        }
    )
    assert table["f"].dtype == np.float64
    assert table["i"].dtype == np.int64
    assert table["g"].dtype == np.float64
    assert np.isnan(table["g"][1])
    assert table["b"].dtype == bool
    assert table["s"].tolist() == ["a", None]
    times = Table({"t": [dt.date(2024, 5, 31), None]})["t"]
    assert times.dtype == np.dtype("datetime64[us]")
    assert np.isnat(times[1])


def test_repr_is_short() -> None:
    assert repr(Table({"a": [1], "b": ["x"]})) == "Table(1 rows × 2 columns: a: int, b: string)"


def test_arrow_in_and_out() -> None:
    pa = pytest.importorskip("pyarrow")
    frame = pd.DataFrame(
        {"f": [1.5, NAN], "i": [1, 2], "s": ["a", None], "b": [True, False], "t": pd.to_datetime(["2024-05-31", None])}
    )
    table = Table(frame)
    arrow = pa.table(table)
    assert arrow.num_rows == 2
    assert arrow.column_names == table.names
    for way in (arrow, arrow.to_batches()[0], pa.RecordBatchReader.from_batches(arrow.schema, arrow.to_batches())):
        assert Table(way).to_dict() == table.to_dict()
        assert Table(arrow).types == table.types
    columns = {name: arrow[name] for name in arrow.column_names}
    assert Table(columns).to_dict() == table.to_dict()
    assert Table({name: c.combine_chunks() for name, c in columns.items()}).to_dict() == table.to_dict()
    chunked = pa.concat_tables([arrow, arrow.slice(1)])
    assert Table(chunked).to_dict()["s"] == ["a", None, None]
    with pytest.raises(attrition.InvalidDataError, match="column `x`"):
        Table(pa.table({"x": [[1]]}))
    assert Table(frame.convert_dtypes(dtype_backend="pyarrow")).to_dict()["i"] == [1, 2]


def test_polars_in_and_out() -> None:
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame(
        {
            "f": [1.5, None],
            "i": [1, 2],
            "g": [None, 2],
            "s": ["a", None],
            "b": [True, None],
            "t": [dt.datetime(2024, 5, 31, 1), None],
            "d": [dt.date(2024, 5, 31), None],
            "c": pl.Series(["x", "y"], dtype=pl.Categorical),
            "e": pl.Series(["x", "y"], dtype=pl.Enum(["y", "x"])),
            "u": pl.Series([1, 2], dtype=pl.UInt8),
        }
    )
    table = Table(frame)
    kinds = ["float", "int", "int", "string", "bool", "time", "time", "string", "string", "int"]
    assert list(table.types.values()) == kinds
    assert table.to_dict()["c"] == table.to_dict()["e"] == ["x", "y"]
    assert Table({name: frame[name] for name in frame.columns}).to_dict() == table.to_dict()
    # Read, or refused with a way out: polars' Null columns are not what the C interface says.
    try:
        assert Table(pl.DataFrame({"n": pl.Series([None], dtype=pl.Null)})).types == {"n": "float"}
    except attrition.InvalidDataError as error:
        assert "Null" in str(error)
    back = table.to_polars()
    assert Table(back).to_dict() == table.to_dict()


def test_json_files(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text('[{"a": 1, "b": "x"}, {"a": null}]', encoding="utf-8")
    assert attrition.read_json(path).to_dict() == {"a": [1, None], "b": ["x", None]}
    path.write_text("[{", encoding="utf-8")
    with pytest.raises(attrition.InvalidDataError):
        attrition.read_json(path)
    with pytest.raises(attrition.FileError):
        attrition.read_json(tmp_path / "nowhere.json")


cells = st.one_of(
    st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=20),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=20),
    st.lists(st.none() | st.booleans(), max_size=20),
    st.lists(
        st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
        max_size=20,
    ),
    st.lists(
        st.none() | st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)),
        max_size=20,
    ),
)


@settings(max_examples=60, deadline=None)
@given(cells)
def test_lists_objects_and_series_give_one_table(values: list[object]) -> None:
    expected = Table({"x": values})
    boxed = np.array([*values, None], dtype=object)[:-1]
    for way in (boxed, pd.Series(values, dtype=object), iter(values)):
        table = Table({"x": way})
        assert table.types == expected.types
        assert table.to_dict() == expected.to_dict()
    if values:
        rows = Table([{"x": v} for v in values])
        assert rows.types == expected.types
        assert rows.to_dict() == expected.to_dict()
    back = Table(expected.to_dict())
    assert back.to_dict() == expected.to_dict()
    frame = Table(expected.to_pandas())
    assert all(same(a, b) for a, b in zip(frame.to_dict()["x"], expected.to_dict()["x"], strict=True))
