"""Tables from databases."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
from datetime import datetime
from pathlib import Path

import attrition
import pytest

STAFF = Path(__file__).resolve().parents[2] / "tests" / "databases" / "staff.db"


@pytest.fixture
def postgres() -> str:
    """The URL of a server; `make test` starts one."""
    url = os.environ.get("ATTRITION_TEST_POSTGRES")
    if url:
        return url
    if os.environ.get("ATTRITION_REQUIRE_POSTGRES") == "1":
        pytest.fail("no URL in ATTRITION_TEST_POSTGRES, and ATTRITION_REQUIRE_POSTGRES=1")
    pytest.skip("no URL in ATTRITION_TEST_POSTGRES (run by scripts/postgres.sh)")


def test_a_table_and_a_query_of_sqlite() -> None:
    url = f"sqlite:///{STAFF}"
    table = attrition.read_sql("staff", url)
    assert table.types == {
        "name": "string", "age": "int", "pay": "float", "active": "bool", "joined": "time", "note": "string"
    }  # fmt: skip
    assert table.to_dict() == {
        "name": ["Ana", "Bo", "Tromsø"],
        "age": [41, None, 37],
        "pay": [5993.5, 5130.0, None],
        "active": [True, False, None],
        "joined": [datetime(2014, 5, 1), datetime(2018, 11, 15), None],
        "note": [None, None, None],
    }
    events: list[attrition.Event] = []
    query = "select avg(pay) as pay from staff where name <> 'Ana'"
    assert attrition.read_sql(query, url, progress=events.append).to_dict() == {"pay": [5130.0]}
    assert [(e.stage, e.done, e.total) for e in events] == [("read_sql", 1, 1)]


def test_what_sqlite_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("create table t (a, b); insert into t values (1, x'00'), ('x', null);")
    connection.close()
    url = f"sqlite:///{path}"
    with pytest.raises(attrition.InvalidDataError, match="row 1, column `a`") as caught:
        attrition.read_sql("select a from t", url)
    assert (caught.value.row, caught.value.column) == (1, "a")
    with pytest.raises(attrition.InvalidDataError, match="a blob"):
        attrition.read_sql("select b from t", url)
    with pytest.raises(attrition.InvalidParamError, match="at character 8"):
        attrition.read_sql("select nothing from t", url)
    with pytest.raises(attrition.InvalidParamError, match="no query"):
        attrition.read_sql("delete from t", url)
    with pytest.raises(attrition.NotFoundError, match="there is: t"):
        attrition.read_sql("u", url)
    with pytest.raises(attrition.FileError):
        attrition.read_sql("t", f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(attrition.InvalidParamError, match="known scheme") as secret:
        attrition.read_sql("t", "ana:s3cret@host")
    assert "s3cret" not in str(secret.value)


def test_a_query_of_postgresql(postgres: str) -> None:
    query = "select i as n, i / 2.0 as half, 'w' || i as word, date '2024-02-29' as day, i > 1 as more from generate_series(1, 2) i"
    assert attrition.read_sql(query, postgres).to_dict() == {
        "n": [1, 2],
        "half": [0.5, 1.0],
        "word": ["w1", "w2"],
        "day": [datetime(2024, 2, 29)] * 2,
        "more": [False, True],
    }
    assert len(attrition.read_sql("pg_catalog.pg_stat_ssl", postgres)) >= 1
    with pytest.raises(attrition.InvalidParamError, match="at character 8"):
        attrition.read_sql("select nothing", postgres)
    with pytest.raises(attrition.FileError, match="cannot connect"):
        attrition.read_sql("t", "postgresql://ana@127.0.0.1:1/x")


@pytest.mark.skipif(sys.platform == "win32", reason="os.kill sends no SIGINT there")
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_ctrl_c_ends_a_query_that_has_no_row_yet(kind: str, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{STAFF}" if kind == "sqlite" else request.getfixturevalue("postgres")
    endless = "with recursive n(i) as (values (0) union all select i + 1 from n) select count(*) from n"
    code = """
        import os, signal, sys, threading, time
        import attrition
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.perf_counter()
        try:
            attrition.read_sql(sys.argv[1], sys.argv[2])
        except KeyboardInterrupt:
            print("interrupted", time.perf_counter() - begun)
    """
    query = endless if kind == "sqlite" else "select pg_sleep(60)::text"
    command = [sys.executable, "-c", textwrap.dedent(code), query, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=True)
    word, seconds = done.stdout.split()
    assert word == "interrupted"
    assert float(seconds) < 5


def test_other_threads_run_meanwhile() -> None:
    long = "with recursive n(i) as (values (0) union all select i + 1 from n where i < 2000000) select count(*) as n from n"
    work = threading.Thread(target=attrition.read_sql, args=(long, f"sqlite:///{STAFF}"))
    turns = 0
    work.start()
    while work.is_alive():
        time.sleep(0.001)
        turns += 1
    assert turns > 5


def test_a_scan_is_the_query_in_batches() -> None:
    url = f"sqlite:///{STAFF}"
    whole = attrition.read_sql("staff", url)
    scan = attrition.scan_sql("staff", url, batch_rows=2)
    for _ in range(2):
        batches = list(scan)
        assert len(batches) > 1
        assert all(len(batch) <= 2 for batch in batches)
        assert scan.collect().to_dict() == whole.to_dict()
    with pytest.raises(attrition.NotFoundError):
        attrition.scan_sql("nobody", url).collect()
    with pytest.raises(attrition.InvalidParamError):
        attrition.scan_sql("staff", url, batch_rows=0)
