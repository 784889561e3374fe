"""Profiles: parts in any order are the whole, to the last byte, and the bytes are the same in every language."""

from __future__ import annotations

import copy
import hashlib
import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import pytest
from attrition.drift import Profile

VECTORS = json.loads((Path(__file__).parents[2] / "tests" / "vectors" / "profile.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda c: c["name"])
def test_bytes_are_those_of_every_language(case: dict[str, Any]) -> None:
    if "employees" in case["input"]:
        made = attrition.datasets.employees(**case["input"]["employees"])
        assert hashlib.sha256(Profile.of(made).to_bytes()).hexdigest() == case["golden"]
        return
    assert Profile.of(case["input"]["columns"]).to_bytes().decode() == case["golden"]
    assert Profile.from_bytes(case["golden"].encode()).to_bytes().decode() == case["golden"]


def test_parts_in_any_order_are_the_whole(employees: pd.DataFrame, tmp_path: Path) -> None:
    whole = Profile.of(employees).to_bytes()
    a, b, c = (lambda i=i: Profile.of(employees.iloc[i::3]) for i in range(3))
    assert a().merge(b()).merge(c()).to_bytes() == whole
    assert c().merge(b().merge(a())).to_bytes() == whole
    grown = a()
    assert grown.update(employees.iloc[1::3]) is grown
    assert grown.update(attrition.Source([employees.iloc[2::3]])) == Profile.from_bytes(whole)
    path = tmp_path / "employees.parquet"
    attrition.Table(employees).write_parquet(path)
    assert Profile.of(attrition.scan_parquet(path, batch_rows=100)).to_bytes() == whole


def test_figures_are_those_of_numpy(employees: pd.DataFrame) -> None:
    profile = Profile.of(employees)
    assert (profile.n_rows, profile.names) == (len(employees), sorted(employees.columns))
    facts = profile.to_dict()
    assert facts["n_rows"] == len(employees)
    income = employees["MonthlyIncome"].to_numpy()
    column = facts["columns"]["MonthlyIncome"]
    assert (column["kind"], column["n_missing"], column["n_infinite"]) == ("number", 0, 0)
    assert column["mean"] == pytest.approx(income.mean(), rel=1e-12)
    assert column["std"] == pytest.approx(income.std(), rel=1e-12)
    assert (column["min"], column["max"]) == (income.min(), income.max())
    for q, value in column["quantiles"].items():
        assert value == pytest.approx(np.quantile(income, float(q), method="inverted_cdf"), rel=0.005)
    assert facts["columns"]["Department"]["levels"] == employees["Department"].value_counts().to_dict()


def test_a_profile_is_a_value_that_grows() -> None:
    profile = Profile.of({"x": [1, 2, None], "s": ["a", "b", "a"]})
    assert repr(profile) == "Profile(3 rows, 2 columns)"
    for twin in (pickle.loads(pickle.dumps(profile)), copy.deepcopy(profile)):
        assert twin == profile
        twin.merge(twin)
        assert (twin.n_rows, profile.n_rows) == (6, 3)
    assert profile != 3


def fails_halfway() -> Iterator[dict[str, list[Any]]]:
    yield {"x": [1], "s": ["a"]}
    raise LookupError("halfway")


@pytest.mark.parametrize(
    ("act", "error", "message"),
    [
        (
            lambda p: p.update({"x": ["a"], "s": ["a"]}),
            attrition.InvalidDataError,
            "column `x`: got strings, expected numbers",
        ),
        (lambda p: p.update({"x": [1]}), attrition.NotFoundError, "`s`"),
        (lambda p: p.update(attrition.Source(fails_halfway())), LookupError, "halfway"),
        (lambda p: p.update(attrition.Source([])), attrition.InvalidDataError, "no batch"),
        (lambda p: p.update(5), attrition.InvalidDataError, "int"),
        (lambda p: p.merge(Profile.of({"x": [1]})), attrition.NotFoundError, "`s`"),
        (lambda p: p.merge({"x": [1], "s": ["a"]}), TypeError, "Profile"),
        (lambda p: p.merge(p.from_bytes(b"{}")), attrition.ArtifactError, "columns"),
        (lambda p: p.from_bytes(b""), attrition.ArtifactError, "cannot be read"),
        (lambda p: p.from_bytes(b"\xff\x00"), attrition.ArtifactError, "cannot be read"),
        (
            lambda p: p.from_bytes(p.to_bytes().replace(b'"rows":3', b'"rows":4', 1)),
            attrition.ArtifactError,
            "do not add up",
        ),
        (lambda p: p.from_bytes("text"), TypeError, "bytes"),
        (lambda p: p.of(None), attrition.InvalidDataError, "NoneType"),
    ],
)
def test_wrong_input_is_a_clear_error_and_changes_nothing(
    act: Callable[[Profile], object], error: type[Exception], message: str
) -> None:
    profile = Profile.of({"x": [1, 2, None], "s": ["a", "b", "a"]})
    before = profile.to_bytes()
    with pytest.raises(error, match=message):
        act(profile)
    assert profile.to_bytes() == before
