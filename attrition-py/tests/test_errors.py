"""Every kind of error has its class, its builtin and its code; the facts stand in attributes."""

from __future__ import annotations

import builtins
import json
import pickle
from pathlib import Path

import attrition
import pytest
from attrition import _core, _errors

VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors" / "errors.json"


def test_every_kind_is_mapped() -> None:
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    kinds = _core._error_kinds()
    assert kinds == {c["expected"]["class"]: c["expected"]["code"] for c in cases}
    for case in cases:
        expected = case["expected"]
        error = getattr(attrition, expected["class"])
        assert issubclass(error, attrition.AttritionError)
        assert issubclass(error, getattr(builtins, expected["builtin"]))
        assert error.code == expected["code"]
        assert error.__doc__


def test_no_class_without_a_kind() -> None:
    classes = set(_errors.__all__) - {"AttritionError"}
    assert classes == set(_core._error_kinds())


def test_a_parameter_error_carries_its_facts() -> None:
    with pytest.raises(ValueError, match="f_nonsense") as caught:
        attrition.metrics.estimate("f_nonsense", [0, 1], [0.1, 0.9])
    error = caught.value
    assert isinstance(error, attrition.InvalidParamError)
    assert error.code == "ATTRITION_INVALID_PARAM"
    assert error.name and error.got and error.expected and error.hint


def test_a_data_error_names_row_and_column() -> None:
    with pytest.raises(attrition.InvalidDataError) as caught:
        attrition.Table({"a": [1, 2, "x"]})
    assert (caught.value.row, caught.value.column) == (2, "a")
    assert "row 2" in str(caught.value)


def test_errors_survive_pickle() -> None:
    with pytest.raises(attrition.InvalidDataError) as caught:
        attrition.Table({"a": [1, 2, "x"]})
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is attrition.InvalidDataError
    assert (str(again), again.row, again.column) == (str(caught.value), 2, "a")


def test_a_missing_column_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="no column named `b`; there is: a"):
        attrition.Table({"a": [1]})["b"]
