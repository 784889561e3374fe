"""A model predicts, explains, judges and outlives the process."""

from __future__ import annotations

import copy
import itertools
import math
import pickle
from pathlib import Path

import attrition
import numpy as np
import pandas as pd
import pytest


def test_scores_do_not_depend_on_the_way_in(model: attrition.Model, employees: pd.DataFrame) -> None:
    expected = model.predict_proba(employees)
    assert expected.dtype == np.float64
    assert expected.shape == (1470,)
    assert ((expected > 0) & (expected < 1)).all()
    shuffled = employees[sorted(employees.columns, reverse=True)].assign(Extra=1).drop(columns=["Attrition", "Gender"])
    ways = [
        shuffled,
        attrition.Table(employees),
        {name: employees[name].tolist() for name in employees},
        {name: employees[name].to_numpy() for name in employees},
        employees.to_dict("records"),
        tuple(employees.to_dict("records")),
        employees.astype({"Age": "float32", "JobLevel": "int8", "OverTime": "category"}),
    ]
    for way in ways:
        assert model.predict_proba(way).tobytes() == expected.tobytes()
    for n_threads in (1, 2, 8):
        assert model.predict_proba(employees, n_threads=n_threads).tobytes() == expected.tobytes()


def test_a_single_row_equals_its_row_in_the_batch(model: attrition.Model, employees: pd.DataFrame) -> None:
    expected = model.predict_proba(employees)
    for i, row in enumerate(employees.to_dict("records")[:200]):
        assert model.proba_one(row) == expected[i]
        assert model.predict_one(row).proba == expected[i]
    assert model.proba_one(employees.iloc[0]) == expected[0]


def test_labels_have_the_type_of_the_target(employees: pd.DataFrame) -> None:
    left = employees["Attrition"] == "Yes"
    for target, positive, dtype in [
        (left, True, np.dtype(bool)),
        (left.astype("int64"), 1, np.dtype("int64")),
        (left.astype("int64"), None, np.dtype("int64")),
        (left.map({True: "Yes", False: "No"}), "Yes", np.dtype(object)),
    ]:
        frame = employees.assign(Attrition=target)
        small = attrition.train(
            frame,
            target="Attrition",
            positive=positive,
            cv=None,
            holdout=None,
            calibration=None,
        )
        labels = small.predict(frame)
        assert labels.dtype == dtype
        assert set(labels.tolist()) == set(small.labels)
        is_positive = small.predict_proba(frame) >= small.threshold
        assert (labels[is_positive] == small.labels[1]).all()
        assert (labels[~is_positive] == small.labels[0]).all()


def test_positive_is_compared_by_value(employees: pd.DataFrame) -> None:
    frame = employees.assign(Attrition=(employees["Attrition"] == "Yes").astype("int64"))
    digests = {
        attrition.train(frame, target="Attrition", positive=p, cv=None).digest
        for p in (1, 1.0, True, np.int64(1), np.float32(1))
    }
    assert len(digests) == 1
    with pytest.raises(attrition.InvalidParamError, match='"1"'):
        attrition.train(frame, target="Attrition", positive="1")


def test_same_seed_same_bytes(model: attrition.Model, employees: pd.DataFrame) -> None:
    for n_threads in (1, 2, 8):
        again = attrition.train(
            employees,
            target="Attrition",
            positive="Yes",
            sensitive="Gender",
            learner="logistic",
            n_threads=n_threads,
        )
        assert again.to_bytes() == model.to_bytes()


def test_predict_never_fails_for_gaps_levels_and_extra_columns(
    model: attrition.Model,
) -> None:
    prediction = model.predict_one({"Age": 300, "OverTime": "perhaps", "nonsense": object()})
    assert 0 <= prediction.proba <= 1
    assert prediction.label in ("Yes", "No")
    kinds = {w.column: w.kind for w in prediction.warnings}
    assert kinds["Age"] == "out_of_range"
    assert kinds["OverTime"] == "unseen"
    assert kinds["JobLevel"] == "missing"
    assert "nonsense" not in kinds
    assert prediction.to_dict()["label"] == prediction.label
    assert prediction.threshold == model.threshold


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"Age": "41"}, "column `Age`"),
        ({"Age": math.inf}, "a finite number"),
        ({"Age": [1]}, "an object of type list"),
        ({"OverTime": b"Yes"}, "an object of type bytes"),
        ({"OverTime": "\ud800"}, "no valid Unicode"),
        ({}, "none of the model's features"),
        ({"x": 1}, "none of the model's features"),
    ],
)
def test_a_bad_row_names_its_column(model: attrition.Model, row: dict[str, object], message: str) -> None:
    for call in (model.proba_one, model.predict_one, model.contributions):
        with pytest.raises(attrition.SchemaMismatchError, match=message):
            call(row)
    with pytest.raises(attrition.SchemaMismatchError, match=message) as caught:
        model.predict_proba([{"Age": 41}, row])
    assert caught.value.problems and caught.value.problems[0]["row"] == 1


def test_a_row_is_a_mapping(model: attrition.Model) -> None:
    for thing in ([1, 2], 5, "Age", None):
        with pytest.raises(TypeError, match="a row is a mapping"):
            model.proba_one(thing)


def test_an_exception_of_the_row_passes_through(model: attrition.Model) -> None:
    class Bad(dict[str, object]):
        def keys(self) -> None:  # type: ignore[override]
            raise AssertionError

    class Odd:
        def keys(self) -> list[str]:
            return ["Age"]

        def __contains__(self, key: str) -> bool:
            raise ZeroDivisionError

    assert model.proba_one(Bad(Age=41)) == model.proba_one({"Age": 41})
    with pytest.raises(ZeroDivisionError):
        model.proba_one(Odd())


def test_a_missing_feature_column_is_an_error(model: attrition.Model, employees: pd.DataFrame) -> None:
    with pytest.raises(attrition.SchemaMismatchError) as caught:
        model.predict_proba(employees.drop(columns=["Age", "OverTime"]))
    problems = caught.value.problems
    assert problems is not None
    assert {p["column"] for p in problems} == {"Age", "OverTime"}


def test_contributions_sum_to_the_log_odds(model: attrition.Model, employees: pd.DataFrame) -> None:
    for row in employees.head(20).to_dict("records"):
        parts = model.contributions(row)
        assert list(parts) == [*model.schema.features, "(base)"]
        p = model.proba_one(row)
        if model.training["calibration"] != "isotonic":
            assert sum(parts.values()) == pytest.approx(math.log(p / (1 - p)), abs=1e-9)
    assert {t["column"] for t in model.terms()} == set(model.schema.features)


def test_a_saved_model_scores_the_same(model: attrition.Model, employees: pd.DataFrame, tmp_path: Path) -> None:
    expected = model.predict_proba(employees).tobytes()
    path = tmp_path / "attrition.model"
    model.save(path)
    assert path.read_bytes() == model.to_bytes()
    copies = [
        attrition.load(path),
        attrition.load(str(path)),
        attrition.Model.from_bytes(model.to_bytes()),
        attrition.Model.from_bytes(bytearray(model.to_bytes())),
        pickle.loads(pickle.dumps(model)),
        copy.copy(model),
        copy.deepcopy(model),
    ]
    for other in copies:
        assert other.digest == model.digest
        assert other.predict_proba(employees).tobytes() == expected
        assert (other.learner, other.params, other.threshold, other.labels) == (
            model.learner,
            model.params,
            model.threshold,
            model.labels,
        )


def test_bad_files_are_clear_errors(model: attrition.Model, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere") as caught:
        attrition.load(tmp_path / "nowhere")
    assert isinstance(caught.value, attrition.FileError)
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert caught.value.errno == 2
    with pytest.raises(attrition.FileError):
        model.save(tmp_path / "no" / "such" / "folder")
    data = model.to_bytes()
    for bad in (
        b"",
        b"PK\x03\x04",
        data[:-1],
        data[: len(data) // 2],
        data[:100] + bytes([data[100] ^ 1]) + data[101:],
    ):
        with pytest.raises(attrition.ArtifactError):
            attrition.Model.from_bytes(bad)


def test_evaluate_and_training_are_plain_values(model: attrition.Model, employees: pd.DataFrame) -> None:
    evaluation = model.evaluate(employees)
    facts = evaluation.to_dict()
    y = (employees["Attrition"] == "Yes").to_numpy()
    auc = attrition.metrics.roc_auc(y, model.predict_proba(employees))
    assert facts["metrics"]["roc_auc"]["value"] == auc
    assert facts["n"] == evaluation.n == 1470
    assert set(facts["confusion"]) == {"tn", "fp", "fn", "tp"}
    training = model.training.to_dict()
    assert isinstance(next(iter(training.values())), str | int | float)
    assert training["n_rows"] == 1470
    assert model.training["n_holdout"] == training["n_holdout"]
    for thing in (
        model,
        evaluation,
        model.training,
        model.schema,
        model.predict_one({"Age": 41}),
    ):
        assert type(thing).__name__ in repr(thing)


def test_another_threshold(model: attrition.Model) -> None:
    other = model.with_threshold(0.9)
    assert other.threshold == 0.9
    with pytest.raises(attrition.InvalidParamError):
        model.with_threshold(2.0)


def test_a_term_written_by_hand(employees: pd.DataFrame) -> None:
    model = attrition.train(
        employees, target="Attrition", positive="Yes", id="EmployeeNumber", learner="glassbox", cv=3, calibration=None
    )
    row = {"Age": 30, "OverTime": "Yes"}
    written = model.with_term("Age", {20: 0.5, 40: -0.5, None: 0.1}).with_term("OverTime", [("Yes", 0.0)])
    contributions = written.contributions(row)
    assert contributions["Age"] == pytest.approx(0.0, abs=1e-12)
    assert contributions["OverTime"] == 0.0
    assert written.contributions({"OverTime": "Yes"})["Age"] == pytest.approx(0.1)
    log_odds = math.log(written.proba_one(row) / (1 - written.proba_one(row)))
    assert sum(contributions.values()) == pytest.approx(log_odds)
    assert written.digest != model.digest
    edits = written.training["edits"]
    assert [(e["term"], e["action"]) for e in edits] == [("Age", "written"), ("OverTime", "written")]
    assert attrition.Model.from_bytes(written.to_bytes()).digest == written.digest
    # What terms() gives can be written back.
    income = next(t for t in model.terms() if t["column"] == "MonthlyIncome")
    same = model.with_term("MonthlyIncome", income["values"])
    for v in income["values"]:
        got = same.contributions({"MonthlyIncome": v["value"]})["MonthlyIncome"]
        assert got == pytest.approx(v["contribution"], abs=1e-9)
    without = model.without_term("OverTime")
    assert without.proba_one({"OverTime": "Yes"}) == without.proba_one({"OverTime": "No"})
    with pytest.raises(attrition.InvalidParamError, match="did you mean `Age`"):
        model.with_term("Agee", {1: 0.0})
    with pytest.raises(attrition.InvalidParamError, match="did you mean `Yes`"):
        model.with_term("OverTime", {"yes": 0.0})


def test_trees_say_what_their_columns_did(model: attrition.Model, employees: pd.DataFrame) -> None:
    monotone = {"Age": -1}
    boosted = attrition.train(
        employees,
        target="Attrition",
        positive="Yes",
        learner="boosting",
        params={"n_trees": 30, "max_leaves": 6, "column_fraction": 1, "monotone": monotone},
        cv=None,
        seed=1,
    )
    assert boosted.params["n_trees"] == 30 and boosted.params["monotone"] == monotone
    assert boosted.params["learning_rate"] == 0.1, "a parameter that was left to its rule is said as it was used"
    importances = boosted.importances()
    assert {"Age", "OverTime"} <= set(importances)
    gains = [i["gain"] for i in importances.values()]
    assert gains == sorted(gains, reverse=True) and gains[0] > 0
    assert sum(i["splits"] for i in importances.values()) > 30
    row = employees.drop(columns="Attrition").iloc[0].to_dict()
    scores = [boosted.proba_one({**row, "Age": age}) for age in range(18, 66)]
    assert all(a >= b for a, b in itertools.pairwise(scores)), "monotone in Age"
    assert boosted.proba_one(row) == boosted.predict_proba(employees.head(1))[0]
    with pytest.raises(attrition.AttritionError, match="not made of trees"):
        model.importances()
