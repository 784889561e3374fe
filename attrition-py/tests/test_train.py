"""Training and cross-validation by keywords."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import pytest
from attrition import _core


@pytest.mark.parametrize("function", [attrition.train, attrition.cross_validate])
def test_every_default_is_the_cores(function: Any) -> None:
    parameters = inspect.signature(function).parameters
    here = {n: p.default for n, p in parameters.items() if n not in ("data", "folds", "names", "progress")}
    here |= {name: {} for name in ("kinds", "preprocess", "search") if here[name] is None}
    core = _core._options({})
    if function is attrition.train:
        assert set(here) == set(core)
    assert _core._options(here) == core


def test_options_cross_as_data(employees: pd.DataFrame) -> None:
    options = _core._options(
        {
            "sensitive": pd.Index(["a"]),
            "id": "b",
            "seed": np.int64(3),
            "threshold": np.float32(0.5),
        }
    )
    assert (
        options["sensitive"],
        options["id"],
        options["seed"],
        options["threshold"],
    ) == (["a"], ["b"], 3, 0.5)
    for bad in (
        {"seed": -1},
        {"cv": "five"},
        {"nonsense": 1},
        {"seed": float("nan")},
        {"params": {"c": object()}},
    ):
        with pytest.raises(attrition.InvalidParamError):
            _core._options(bad)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"target": "Nothing"}, attrition.NotFoundError),
        ({"positive": "Perhaps"}, attrition.InvalidParamError),
        ({"target": None}, attrition.InvalidParamError),
        ({"learner": "magic"}, attrition.AttritionError),
        ({"params": {"c": -1}, "learner": "logistic"}, attrition.InvalidParamError),
        ({"cv": 1}, attrition.InvalidParamError),
        ({"holdout": 2}, attrition.InvalidParamError),
        ({"calibration": "magic"}, attrition.InvalidParamError),
        ({"threshold": 7}, attrition.InvalidParamError),
        ({"metric": "magic"}, attrition.AttritionError),
        ({"id": "Nothing"}, attrition.NotFoundError),
    ],
)
def test_bad_options_are_clear_errors(employees: pd.DataFrame, options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        attrition.train(employees, **{"target": "Attrition", "positive": "Yes", **options})


def test_a_schema_is_kept(employees: pd.DataFrame) -> None:
    schema = (
        attrition.Schema.infer(employees).target("Attrition", "Yes").sensitive(["Gender"]).kind("JobLevel", "category")
    )
    assert attrition.Schema.from_json(schema.to_json()) == schema
    model = attrition.train(employees, schema=schema, cv=None)
    fields = {f["name"]: f for f in model.schema.fields}
    assert (fields["Gender"]["role"], fields["JobLevel"]["kind"]) == (
        "sensitive",
        "category",
    )
    assert "Gender" not in model.schema.features
    assert schema.check(employees) == []
    assert [p["column"] for p in schema.check(employees.drop(columns="Age"))] == ["Age"]
    with pytest.raises(attrition.InvalidParamError, match="feature"):
        schema.role("Age", "magic")


def test_cross_validation_by_given_folds(employees: pd.DataFrame) -> None:
    ids = np.arange(1470) % 3
    ids[:10] = -1
    results = [
        attrition.cross_validate(employees, target="Attrition", positive="Yes", learner="logistic", folds=folds)
        for folds in (
            ids,
            ids.tolist(),
            pd.Series(ids),
            pd.Series(ids, dtype="Int64"),
            ids.astype(float),
        )
    ]
    first = results[0]
    assert first.predictions.shape == (1470,)
    assert np.isnan(first.predictions[:10]).all()
    assert not np.isnan(first.predictions[10:]).any()
    assert len(first.scores["roc_auc"]) == 3
    y = (employees["Attrition"] == "Yes").to_numpy()
    for k in range(3):
        expected = attrition.metrics.roc_auc(y[ids == k], first.predictions[ids == k])
        assert first.scores["roc_auc"][k] == pytest.approx(expected, abs=1e-12)
    for other in results[1:]:
        assert other.predictions.tobytes() == first.predictions.tobytes()
    assert next(iter(first.to_dict())) == "predictions"
    for bad in (["a"] * 1470, [0.5] * 1470, [0] * 5):
        with pytest.raises(attrition.AttritionError):
            attrition.cross_validate(employees, target="Attrition", positive="Yes", folds=bad)


def test_the_embedded_employees() -> None:
    table, truth = attrition.datasets.employees_with_truth(
        100,
        seed=3,
        missing={"rate": 0.1},
        bias=[{"column": "Gender", "group": "Female", "risk": 0.5}],
    )
    assert len(table) == len(truth) == 100
    assert attrition.datasets.employees(50, seed=3).to_dict() == attrition.datasets.employees(50, 3).to_dict()
    with pytest.raises(attrition.InvalidParamError, match="Gender"):
        attrition.datasets.employees(10, bias=[{"column": "Age", "group": "x"}])
    with pytest.raises(attrition.InvalidParamError):
        attrition.datasets.employees(10, missing={"nonsense": 1})
    signature = inspect.signature(attrition.datasets.employees)
    assert signature.parameters["n_rows"].default == 1470


def test_reading_csv(tmp_path: Path, employees: pd.DataFrame) -> None:
    path = tmp_path / "employees.csv"
    employees.to_csv(path, index=False)
    assert attrition.read_csv(path).to_dict() == attrition.Table(employees).to_dict()
    path.write_text("a;b\n1; x\n?;y\n", encoding="utf-8")
    table = attrition.read_csv(str(path), delimiter=";", missing="?", trim=True)
    assert table.to_dict() == {"a": [1, None], "b": ["x", "y"]}
    assert attrition.read_csv(path, delimiter=";", missing=[], text=["a"]).to_dict()["a"] == ["1", "?"]
    with pytest.raises(attrition.InvalidParamError):
        attrition.read_csv(path, delimiter=";;")
    with pytest.raises(attrition.FileError):
        attrition.read_csv(tmp_path / "nowhere.csv")
    path.write_text("a,b\n1\n", encoding="utf-8")
    with pytest.raises(attrition.InvalidDataError) as caught:
        attrition.read_csv(path)
    assert caught.value.line == 2


def test_html_is_escaped() -> None:
    html = attrition.Table({"<script>": ["<b>&'\"", None]})._repr_html_()
    assert "<script>" not in html
    assert "&lt;b&gt;&amp;&#39;&quot;" in html


def test_the_leaderboard_is_kept_and_shown(employees: pd.DataFrame) -> None:
    for learner in ("auto", ["logistic", "linfa_tree"]):
        model = attrition.train(employees, target="Attrition", positive="Yes", learner=learner, cv=3)
        board = model.training["leaderboard"]
        scores = [candidate["score"] for candidate in board]
        assert scores == sorted(scores, reverse=True)
        (chosen,) = [candidate for candidate in board if candidate["is_chosen"]]
        assert (chosen["learner"], chosen["params"]) == (model.learner, model.params)
        members = model.params.get("members", [{"learner": model.learner, "weight": 1.0}])
        assert sum(member["weight"] for member in members) == pytest.approx(1)
        assert len(model.pipelines) == len(members)
        assert str(model.pipelines[0]) == str(model.pipeline)
        shown = str(model.training)
        assert all(f"{candidate['score']:.4f}  {candidate['learner']}" in shown for candidate in board)
        assert attrition.Model.from_bytes(model.to_bytes()).training["leaderboard"] == board
    # A list means the best one.
    assert [candidate["learner"] for candidate in board] == ["logistic", "linfa_tree"]


def test_a_search_says_what_it_tried(employees):
    keywords = {"target": "Attrition", "positive": "Yes", "learner": ["logistic", "tree"], "cv": 3, "trials": 8}
    model = attrition.train(employees, **keywords, search={"preprocess": False})
    facts = model.training.to_dict()
    assert [t["number"] for t in facts["trials"]] == list(range(8))
    complete = [t for t in facts["trials"] if t["state"] == "complete"]
    best = max(complete, key=lambda t: t["score"])
    assert best["params"]["learner"] == model.learner
    for name, value in best["params"].items():
        if name.startswith(model.learner + "."):
            assert model.params[name.split(".")[1]] == value
    assert facts["cv_score"] < best["score"]
    assert not any(name.startswith(("number.", "category.", "select")) for t in facts["trials"] for name in t["params"])
    assert (
        model.to_bytes() == attrition.train(employees, **keywords, search={"preprocess": False}, n_threads=1).to_bytes()
    )
    with pytest.raises(attrition.AttritionError, match="trails"):
        attrition.train(employees, **keywords, search={"trails": 3})
