"""Files and batches: what is written is read back, whole and in batches, by this library and by others."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from attrition import Source, Table

COLUMNS: dict[str, list[Any]] = {
    "f": [1.5, None, 1e-300, float("inf")],
    "i": [1, None, 2**62, -3],
    "b": [True, None, False, True],
    "s": ['ä, "b"\nc', None, "日本", 'ä, "b"\nc'],
    "t": [dt.datetime(2024, 5, 31), None, dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(2024, 5, 31)],
    "gap": [None, None, None, None],
}
TYPES = {"f": "float", "i": "int", "b": "bool", "s": "string", "t": "time", "gap": "float"}


def table() -> Table:
    return Table(COLUMNS)


def same(got: Table, expected: dict[str, list[Any]] | None = None, types: dict[str, str] | None = None) -> None:
    assert got.types == (types or TYPES)
    assert got.to_dict() == (expected or COLUMNS)


@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_csv_is_written_and_read_back_whole_and_in_batches(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    table().write_csv(path)
    same(attrition.read_csv(path))
    same(attrition.scan_csv(path).collect())
    assert pd.read_csv(path)["i"].dropna().tolist() == [1, 2**62, -3]
    assert [p.name for p in tmp_path.iterdir()] == [name], "no temporary file stays"


def test_parquet_is_written_and_read_back_whole_and_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table().write_parquet(path)
    same(attrition.read_parquet(path))
    source = attrition.scan_parquet(path, columns=["s", "f"], batch_rows=3)
    assert [len(batch) for batch in source] == [3, 1]
    # A file is read from the start again.
    got = source.collect()
    assert (got.names, got.to_dict()["s"]) == (["s", "f"], COLUMNS["s"])
    assert "t.parquet, 4 rows" in repr(source)
    assert pq.read_table(path).to_pydict()["i"] == COLUMNS["i"]
    assert pl.read_parquet(path)["f"].to_list() == COLUMNS["f"]
    assert pd.read_parquet(path)["t"].dt.tz_localize(None)[2] == pd.Timestamp(COLUMNS["t"][2])


def frames() -> Iterator[tuple[str, Any]]:
    arrow = pa.table(
        {
            "f": pa.array(COLUMNS["f"], pa.float64()),
            "i": pa.array(COLUMNS["i"], pa.int64()),
            "b": pa.array(COLUMNS["b"], pa.bool_()),
            "s": pa.array(COLUMNS["s"], pa.string()),
            "t": pa.array(COLUMNS["t"], pa.timestamp("us")),
            "gap": pa.array(COLUMNS["gap"], pa.float64()),
        },
    )
    yield "pyarrow", arrow
    yield "dictionary", arrow.set_column(3, "s", arrow["s"].dictionary_encode())
    yield "large", arrow.set_column(3, "s", arrow["s"].cast(pa.large_string()))
    yield "pandas", arrow.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}.get)
    yield "polars", pl.from_arrow(arrow)


@pytest.mark.parametrize(("name", "frame"), list(frames()), ids=[name for name, _ in frames()])
@pytest.mark.parametrize("compression", ["snappy", "zstd", "gzip", "none"])
def test_parquet_of_others_is_read(tmp_path: Path, name: str, frame: Any, compression: str) -> None:
    path = tmp_path / f"{name}.parquet"
    if isinstance(frame, pa.Table):
        pq.write_table(frame, path, compression=compression, row_group_size=3)
    elif isinstance(frame, pd.DataFrame):
        frame.to_parquet(path, compression=None if compression == "none" else compression)
    else:
        frame.write_parquet(path, compression="uncompressed" if compression == "none" else compression)
    same(attrition.read_parquet(path))
    same(attrition.scan_parquet(path, batch_rows=3).collect())


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_ipc_of_others_is_read(tmp_path: Path, compression: str) -> None:
    arrow = dict(frames())["pyarrow"]
    path = tmp_path / "t.arrow"
    pyarrow.feather.write_feather(arrow, path, compression=compression)
    same(attrition.read_ipc(path))
    pl.from_arrow(arrow).write_ipc(path, compression=compression)
    same(attrition.read_ipc(path))
    with pa.ipc.new_stream(path, arrow.schema) as stream:
        stream.write_table(arrow, max_chunksize=2)
    same(attrition.read_ipc(path))


def test_json_and_ndjson_are_read_gzipped_or_not(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "x"}, {"a": 2.5}, {"b": None}]
    expected = {"a": [1.0, 2.5, None], "b": ["x", None, None]}
    lines = "\n".join(json.dumps(row) for row in rows).encode()
    for write in (Path.write_bytes, lambda path, data: path.write_bytes(gzip.compress(data))):
        path = tmp_path / "a"
        write(path, lines)
        assert attrition.read_ndjson(path).to_dict() == expected
        write(path, json.dumps(rows).encode())
        assert attrition.read_json(path).to_dict() == expected


def test_a_scan_finds_types_over_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("a,b\n" + "1,2\n" * 100_000 + "x,2.5\n", encoding="utf-8")
    source = attrition.scan_csv(path)
    batches = list(source)
    assert len(batches) > 1
    assert all(batch.types == {"a": "string", "b": "float"} for batch in batches)
    assert source.collect().to_dict() == attrition.read_csv(path).to_dict()
    events: list[attrition.Event] = []
    attrition.scan_csv(path, delimiter=",", text="b", progress=events.append)
    assert events


def test_any_iterable_of_tables_is_a_source() -> None:
    def batches() -> Iterator[Any]:
        yield {"a": [1, 2], "b": ["x", None]}
        yield pd.DataFrame({"a": [0.5], "b": ["y"]})
        yield Table([{"a": None, "b": "x"}])

    source = Source(batches())
    assert source.collect().to_dict() == {"a": [1.0, 2.0, 0.5, None], "b": ["x", None, "y", "x"]}
    assert repr(source) == "Source(generator)"
    # A generator is at its end now, a list is not.
    with pytest.raises(attrition.InvalidDataError, match="no batch"):
        source.collect()
    tables = Source(list(batches()))
    assert [len(t) for t in tables] == [len(t) for t in tables] == [2, 1, 1]
    one = pd.DataFrame({"a": [1]})
    assert Source(one).collect().to_dict() == Source(Table(one)).collect().to_dict() == {"a": [1]}


def test_an_arrow_stream_is_read_batch_by_batch() -> None:
    read = []

    def generate() -> Iterator[pa.RecordBatch]:
        for i in range(5):
            read.append(i)
            yield pa.record_batch({"a": [i, i]})

    reader = pa.RecordBatchReader.from_batches(pa.schema({"a": pa.int64()}), generate())
    batches = iter(Source(reader))
    assert next(batches).to_dict() == {"a": [0, 0]}
    assert read == [0]
    assert sum(len(batch) for batch in batches) == 8


def test_what_an_iterable_raises_is_raised() -> None:
    class Broken(Exception):
        pass

    def batches() -> Iterator[Any]:
        yield {"a": [1]}
        raise Broken("halfway")

    with pytest.raises(Broken, match="halfway"):
        Source(batches()).collect()
    iterator = iter(Source(batches()))
    assert next(iterator).to_dict() == {"a": [1]}
    with pytest.raises(Broken, match="halfway"):
        next(iterator)
    assert list(iterator) == [], "nothing more comes after an error"


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"b": [1]}, "batch 1 with columns b"),
        ({"a": ["x"]}, "column `a`: got batch 1 with a string column"),
        (5, "an object of type int"),
        ({"a": [1], "b": [1]}, "columns a, b"),
    ],
)
def test_batches_that_differ_are_refused(second: Any, words: str) -> None:
    iterator = iter(Source([{"a": [1]}, second]))
    next(iterator)
    with pytest.raises(attrition.InvalidDataError, match=words):
        next(iterator)
    with pytest.raises(attrition.InvalidDataError):
        Source([{"a": [1]}, second]).collect()


def test_bad_files_are_clear_errors(tmp_path: Path) -> None:
    parquet = tmp_path / "t.parquet"
    table().write_parquet(parquet)
    data = parquet.read_bytes()
    with pytest.raises(attrition.AttritionError, match="salary"):
        attrition.read_parquet(parquet, columns=["salary"])
    with pytest.raises(attrition.InvalidParamError, match="batch_rows"):
        attrition.scan_parquet(parquet, batch_rows=0)
    parquet.write_bytes(data[:-20])
    for read in (attrition.read_parquet, attrition.scan_parquet):
        with pytest.raises(attrition.InvalidDataError, match=r"t\.parquet"):
            read(parquet)
    damaged = bytearray(data)
    damaged[4:200] = bytes(196)
    parquet.write_bytes(damaged)
    with pytest.raises(attrition.InvalidDataError, match="row group 0"):
        attrition.read_parquet(parquet)
    with pytest.raises(attrition.InvalidDataError, match=r"t\.parquet"):
        attrition.scan_parquet(parquet).collect()
    pq.write_table(pa.table({"x": [1], "nested": [[1, 2]]}), parquet)
    with pytest.raises(attrition.InvalidDataError, match=r"column `nested`.*columns"):
        attrition.read_parquet(parquet)
    assert attrition.read_parquet(parquet, columns="x").to_dict() == {"x": [1]}

    packed = tmp_path / "t.csv.gz"
    packed.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 1000)[:-12])
    for read in (attrition.read_csv, attrition.scan_csv):
        with pytest.raises(attrition.InvalidDataError, match="gzip"):
            read(packed)
    lines = tmp_path / "t.ndjson"
    lines.write_text('{"a": 1}\n{"a": }\n', encoding="utf-8")
    with pytest.raises(attrition.InvalidDataError, match="line 2"):
        attrition.read_ndjson(lines)
    with pytest.raises(attrition.InvalidDataError, match="Arrow IPC"):
        attrition.read_ipc(lines)
    for read in (attrition.read_parquet, attrition.read_ipc, attrition.read_ndjson, attrition.scan_csv):
        with pytest.raises(attrition.FileError):
            read(tmp_path / "none")
    for write in (table().write_csv, table().write_parquet):
        with pytest.raises(attrition.FileError, match="create it first"):
            write(tmp_path / "none" / "t")
    with pytest.raises(TypeError, match="iterable of tables"):
        Source(5)


def test_models_take_sources(tmp_path: Path) -> None:
    employees = attrition.datasets.employees(n_rows=600, seed=1)
    path = tmp_path / "employees.parquet"
    table = Table(employees)
    table.write_parquet(path)
    keywords: dict[str, Any] = {"target": "Attrition", "positive": "Yes", "learner": "logistic", "cv": 2}
    model = attrition.train(table, **keywords)
    scan = attrition.scan_parquet(path, batch_rows=100)
    assert attrition.train(scan, **keywords).digest == model.digest
    expected = model.predict_proba(table)
    assert (model.predict_proba(scan) == expected).all()
    assert (model.predict_proba(Source(batch for batch in scan)) == expected).all()
    assert (model.predict(scan) == model.predict(table)).all()

    def broken() -> Iterator[Table]:
        yield next(iter(scan))
        raise RuntimeError("the line is dead")

    with pytest.raises(RuntimeError, match="the line is dead"):
        model.predict_proba(Source(broken()))
    with pytest.raises(RuntimeError, match="the line is dead"):
        attrition.train(Source(broken()), **keywords)
    other = Source([next(iter(scan)), {"Age": [1]}])
    with pytest.raises(attrition.InvalidDataError, match="batch 1"):
        model.predict_proba(other)


def many(n_batches: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Batches of 0.8 MB; no file has a name in the folder while they are read."""
    rng = np.random.default_rng(0)
    for _ in range(n_batches):
        assert not folder.is_dir() or sys.platform == "win32" or list(folder.iterdir()) == []
        x = rng.normal(size=(10_000, 9))
        yield {**{f"x{j}": x[:, j] for j in range(9)}, "y": (x[:, 0] + rng.normal(size=10_000) > 1.0)}


def test_a_source_is_trained_on_from_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exclude = [f"x{j}" for j in range(2, 9)]
    keywords: dict[str, Any] = {"target": "y", "learner": "logistic", "cv": None, "exclude": exclude}
    missing = tmp_path / "missing"
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("TMP", str(tmp_path))
    whole = Source(many(30, missing)).collect()
    model = attrition.train(whole, **keywords)
    seen: list[attrition.Event] = []
    again = attrition.train(Source(many(30, tmp_path)), **keywords, progress=seen.append)
    assert again.digest == model.digest
    assert [e.done for e in seen if e.stage == "read"] == list(range(10_000, 310_000, 10_000))
    keywords["cv"] = 2
    cv = attrition.cross_validate(Source(many(30, tmp_path)), **keywords)
    assert (cv.predictions == attrition.cross_validate(whole, **keywords).predictions).all()
    assert list(tmp_path.iterdir()) == []

    def stops() -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        attrition.train(
            Source(many(30, tmp_path)), **keywords, progress=lambda e: stops() if e.done > 250_000 else None
        )
    assert list(tmp_path.iterdir()) == []
    # What is small needs no folder.
    monkeypatch.setenv("TMPDIR", str(missing))
    monkeypatch.setenv("TMP", str(missing))
    attrition.train(Source(many(2, missing)), **keywords)
    with pytest.raises(attrition.FileError, match=r"missing.*TMPDIR") as caught:
        attrition.train(Source(many(30, missing)), **keywords)
    assert isinstance(caught.value, OSError)
