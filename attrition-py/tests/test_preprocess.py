"""Preprocessing by `preprocess=`: what is asked for is fitted, shown, saved, and what cannot be done is named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import attrition
import numpy as np
import pandas as pd
import pytest

RAW: dict[str, Any] = {"learner": "logistic", "cv": None, "holdout": None, "calibration": None}
LEAVING: dict[str, Any] = {
    "target": "Attrition",
    "positive": "Yes",
    "id": "EmployeeNumber",
    "learner": "logistic",
    **RAW,
}


@pytest.fixture(scope="module")
def gaps(employees: pd.DataFrame) -> pd.DataFrame:
    """Employees with gaps, and with the day they were hired."""
    rng = np.random.default_rng(5)
    table = employees.copy()
    for column in ("Age", "MonthlyIncome", "EngagementScore", "JobRole", "MaritalStatus"):
        table[column] = table[column].mask(rng.random(len(table)) < 0.06)
    hired = pd.Timestamp("1995-01-01") + pd.to_timedelta(rng.integers(0, 11_000, len(table)), unit="D")
    table["HireDate"] = pd.Series(hired, index=table.index).mask(rng.random(len(table)) < 0.03)
    return table


def fit(data: Any, preprocess: dict[str, Any], **options: Any) -> attrition.Model:
    return attrition.train(data, preprocess=preprocess, **{**LEAVING, **options})


def steps(model: attrition.Model, column: str) -> list[str]:
    return [step for c in model.pipeline.columns if c["column"] == column for step in c["steps"]]


def numbers(step: str) -> list[float]:
    return [float(x) for x in re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", step.replace("−", ""))]


@pytest.mark.parametrize(
    ("column", "settings", "shown"),
    [
        ("Age", {"clip": [0.1, 0.9]}, "clip to "),
        ("Age", {"transform": "log1p"}, "log1p"),
        ("MonthlyIncome", {"transform": "box_cox"}, "box_cox with lambda "),
        ("MonthlyIncome", {"transform": "yeo_johnson"}, "yeo_johnson with lambda "),
        ("MonthlyIncome", {"transform": "quantile_normal"}, "quantile_normal"),
        ("Age", {"spline": {"n_knots": 4, "degree": 2}}, "spline: 5 features"),
        ("Age", {"spline": {}}, "spline: 7 features"),
        ("Age", {"impute": {"constant": 33}}, "impute 33 and a feature for gaps"),
        ("JobRole", {}, "one_hot: 16 features"),
        ("JobRole", {"impute": "mode"}, "one_hot: 15 features"),
        ("JobRole", {"drop_first": True}, "one_hot: 15 features"),
        ("JobRole", {"max_levels": 4}, "one_hot: 5 features"),
        ("JobRole", {"min_share": 0.1}, "(other)"),
        ("JobRole", {"encode": "ordinal"}, "ordinal: 15 levels"),
        ("JobRole", {"encode": "target"}, "target: 16 levels"),
        ("JobRole", {"encode": "frequency"}, "frequency: 16 levels"),
        ("JobRole", {"on_unseen": "error"}, "an unseen level is an error"),
    ],
)
def test_each_option_reaches_the_core(gaps: pd.DataFrame, column: str, settings: dict[str, Any], shown: str) -> None:
    model = fit(gaps[[column, "DistanceFromHome", "Attrition"]], {"columns": {column: settings}}, id=None)
    facts = next(c for c in model.pipeline.columns if c["column"] == column)
    assert shown in "; ".join(facts["steps"] + facts["features"])
    asked = model.pipeline.params.get("columns", {}).get(column, {})
    assert asked.keys() == settings.keys()
    assert shown in str(model.pipeline) or shown == "(other)"


def test_fitted_figures_are_numpys(gaps: pd.DataFrame) -> None:
    age = gaps["Age"].to_numpy(dtype=float)
    filled = np.where(np.isnan(age), np.nanmean(age), age)
    low, high = np.quantile(filled, [0.05, 0.9])
    clipped = np.clip(filled, low, high)
    q1, middle, q3 = np.quantile(clipped, [0.25, 0.5, 0.75])
    setting = {"impute": "mean", "clip": [0.05, 0.9], "scale": "robust"}
    impute, clip, scale = steps(fit(gaps, {"number": setting}), "Age")
    assert numbers(impute) == pytest.approx([np.nanmean(age)], rel=1e-5)
    assert numbers(clip) == pytest.approx([low, high], rel=1e-5)
    assert numbers(scale) == pytest.approx([middle, q3 - q1], rel=1e-5)
    assert numbers(steps(fit(gaps, {"number": {"scale": "min_max"}}), "DistanceFromHome")[-1]) == [1, 59]


def test_a_column_overrules_its_kind(gaps: pd.DataFrame) -> None:
    model = fit(
        gaps,
        {
            "number": {"clip": [0.1, 0.9], "indicator": False},
            "category": {"encode": "frequency"},
            "columns": {
                "Age": {"clip": None, "indicator": True},
                "JobRole": {"encode": "one_hot", "drop_first": True},
                "Education": {"drop": True},
            },
        },
    )
    assert not any("clip" in step for step in steps(model, "Age"))
    assert any("clip" in step for step in steps(model, "MonthlyIncome"))
    features = [f["feature"] for f in model.pipeline.features]
    assert "Age is missing" in features and "MonthlyIncome is missing" not in features
    assert steps(model, "JobRole")[0].startswith("one_hot")
    assert steps(model, "Department")[0].startswith("frequency")
    assert "Education" not in [c["column"] for c in model.pipeline.columns]
    # What is dropped moves no score.
    row = gaps.drop(columns="Attrition").iloc[0].to_dict()
    assert model.proba_one({**row, "Education": 1}) == model.proba_one({**row, "Education": 5})


@pytest.mark.parametrize("encode", ["target", "frequency", "ordinal"])
def test_encodings_are_those_computed_by_hand(employees: pd.DataFrame, encode: str) -> None:
    """With one feature the log-odds are a straight line in it."""
    table = employees[["JobRole", "Attrition"]]
    left = (table["Attrition"] == "Yes").groupby(table["JobRole"])
    order = sorted(left.groups, key=lambda role: (len(role), role))
    expected = {
        "target": (left.sum() + 10 * (table["Attrition"] == "Yes").mean()) / (left.count() + 10),
        "frequency": left.count() / len(table),
        "ordinal": pd.Series(range(len(order)), index=order),
    }[encode]
    setting = {"encode": encode, "scale": "none"}
    if encode == "target":
        setting["smoothing"] = 10
    if encode == "ordinal":
        setting["order"] = order
    model = fit(table, {"columns": {"JobRole": setting}}, id=None)
    p = np.array([model.proba_one({"JobRole": role}) for role in expected.index])
    x, log_odds = expected.to_numpy(dtype=float), np.log(p / (1 - p))
    slope, intercept = np.polyfit(x, log_odds, 1)
    assert abs(slope) > 1e-3
    np.testing.assert_allclose(log_odds, intercept + slope * x, atol=1e-9)


def test_the_built_in_features_are_the_columns_one_would_add(employees: pd.DataFrame) -> None:
    model = fit(employees, {"hr_features": True, "columns": {"AgeGroup": {"encode": "frequency"}}})
    derived = {c["column"]: c["expression"] for c in model.pipeline.columns if c["expression"]}
    assert list(derived) == [
        "AgeAtJoining",
        "AgeGroup",
        "IncomePerYearOfExperience",
        "TenureRatio",
        "TimeSincePromotionRatio",
    ]
    assert derived["AgeAtJoining"] == "Age - YearsAtCompany"
    assert model.pipeline.params["derive"] == derived
    sources = {f["feature"]: f["sources"] for f in model.pipeline.features}
    assert sources["TenureRatio"] == ["YearsAtCompany", "TotalWorkingYears"]

    e = employees
    worked = e["TotalWorkingYears"].where(e["TotalWorkingYears"] > 0)
    by_hand = e.assign(
        AgeAtJoining=e["Age"] - e["YearsAtCompany"],
        AgeGroup=pd.cut(e["Age"], [0, 25, 35, 45, 55, 99], right=False).astype(str),
        IncomePerYearOfExperience=e["MonthlyIncome"] / (e["TotalWorkingYears"] + 1),
        TenureRatio=(e["YearsAtCompany"] / worked).fillna(0.0),
        TimeSincePromotionRatio=e["YearsSinceLastPromotion"] / (e["YearsAtCompany"] + 1),
    )
    same = fit(by_hand, {"columns": {"AgeGroup": {"encode": "frequency"}}})
    assert same.predict_proba(by_hand).tobytes() == model.predict_proba(employees).tobytes()


def test_dates_become_numbers_and_truth_values(gaps: pd.DataFrame) -> None:
    model = fit(
        gaps,
        {
            "derive": {
                "Tenure": 'years(HireDate, date("2026-01-01"))',
                "InSpring": "quarter(HireDate) == 2",
                "Monday": "weekday(HireDate) == 1",
            },
            "columns": {"Tenure": {"scale": "none", "impute": {"constant": 0}}},
        },
    )
    columns = [c["column"] for c in model.pipeline.columns]
    assert {"Tenure", "InSpring", "Monday"} < set(columns)
    assert "HireDate" not in columns and "HireDate" in model.schema.features
    days = (pd.Timestamp("2026-01-01") - gaps["HireDate"]).dt.days
    by_hand = gaps.drop(columns="HireDate").assign(
        InSpring=(gaps["HireDate"].dt.quarter == 2).astype(object).mask(days.isna(), None),
        Monday=(gaps["HireDate"].dt.day_of_week == 0).astype(object).mask(days.isna(), None),
        Tenure=days / 365.2425,
    )
    same = fit(by_hand, {"columns": {"Tenure": {"scale": "none", "impute": {"constant": 0}}}})
    np.testing.assert_allclose(same.predict_proba(by_hand), model.predict_proba(gaps), rtol=1e-9)
    day = pd.Timestamp("2011-04-04")
    scores = {model.proba_one({"HireDate": d}) for d in ("2011-04-04", day, day.to_pydatetime(), day.date())}
    assert len(scores) == 1
    parts = model.contributions({"HireDate": "2011-04-04"})
    assert parts["Tenure"] != 0 and parts["HireDate"] == 0


@pytest.mark.parametrize(
    "select",
    [
        {"method": "variance", "threshold": 0.1},
        {"method": "correlation", "limit": 0.7},
        {"method": "mutual_information", "keep": 12},
        {"method": "l1", "c": 0.05},
        {"method": "rfe", "keep": 10, "step": 5},
        {"method": "importance", "keep": 0.25},
    ],
    ids=lambda s: s["method"],
)
def test_the_selection_says_what_stays_and_why(employees: pd.DataFrame, select: dict[str, Any]) -> None:
    whole = fit(employees, {})
    assert whole.pipeline.selection is None
    model = fit(employees, {"select": select})
    report = model.pipeline.selection
    assert report is not None and report["method"] == select["method"]
    assert [f["feature"] for f in report["features"]] == [f["feature"] for f in whole.pipeline.features]
    kept = [f["feature"] for f in report["features"] if f["kept"]]
    assert kept == [f["feature"] for f in model.pipeline.features]
    assert 0 < len(kept) < len(report["features"])
    assert all(f["reason"] and isinstance(f["score"], float) for f in report["features"])
    if (keep := select.get("keep")) is not None:
        assert len(kept) == (keep if keep >= 1 else int(keep * len(report["features"])))
    assert "selected" in str(model.pipeline)


@pytest.mark.parametrize("method", ["over", "under", "smote_nc"])
def test_resampling_leaves_probabilities_where_they_were(employees: pd.DataFrame, method: str) -> None:
    left = (employees["Attrition"] == "Yes").to_numpy()
    mean = fit(employees, {"resample": {"method": method}}).predict_proba(employees).mean()
    assert abs(mean - left.mean()) < 0.04
    # The same rows repeated by hand, where nobody takes the prior back.
    factor = round((~left).sum() / left.sum())
    repeated = pd.concat([employees, *[employees[left]] * (factor - 1)], ignore_index=True)
    assert fit(repeated, {}, id=None, exclude="EmployeeNumber").predict_proba(employees).mean() - left.mean() > 0.12


@pytest.mark.parametrize(
    ("preprocess", "match"),
    [
        ({"numbers": {}}, "preprocess.*numbers"),
        ({"number": {"scale": "magic"}}, r"preprocess\.number\.scale.*magic"),
        ({"number": {"clip": [0.9, 0.1]}}, r"preprocess\.number\.clip"),
        ({"number": {"encode": "target"}}, r"preprocess\.number\.encode"),
        ({"category": {"spline": {}}}, r"preprocess\.category\.spline"),
        ({"columns": {"Agee": {"drop": True}}}, "did you mean `Age`"),
        ({"columns": {"Age": {"encode": "target"}}}, r"preprocess\.columns\.Age\.encode"),
        ({"columns": {"JobRole": {"transform": "log1p"}}}, r"preprocess\.columns\.JobRole\.transform"),
        ({"columns": {"JobRole": {"impute": {"constant": "Astronaut"}}}}, "Astronaut"),
        ({"columns": {"OverTime": {"encode": "ordinal", "order": ["No"]}}}, "`Yes`"),
        ({"select": {"method": "magic"}}, "magic"),
        ({"select": {"method": "rfe", "keep": 0}}, r"preprocess\.select\.keep"),
        ({"select": {"method": "variance", "threshold": 1e6}}, "keeps nothing"),
        ({"resample": {"method": "over", "ratio": 2}}, r"preprocess\.resample\.ratio"),
        ({"resample": {"method": "smote_nc", "k_neighbors": 0}}, r"preprocess\.resample\.k_neighbors"),
        ({"derive": {"Rate": "MonthlyIncome / (Age + "}}, "at character 24"),
        ({"derive": {"Rate": "2 * Aged"}}, "at character 5 .*did you mean `Age`"),
        ({"derive": {"Rate": "JobRole + 1"}}, "a category at character 1 "),
        ({"derive": {"Rate": 'Attrition == "Yes"'}}, "role `target`"),
        ({"derive": {"Age": "1 + 1"}}, r"preprocess\.derive\.Age"),
        ({"derive": {"Rate": 3}}, r"preprocess\.derive"),
    ],
)
def test_bad_settings_are_named(employees: pd.DataFrame, preprocess: dict[str, Any], match: str) -> None:
    with pytest.raises(attrition.InvalidParamError, match=match):
        fit(employees, preprocess)


def test_hr_features_need_one_of_their_columns(employees: pd.DataFrame) -> None:
    with pytest.raises(attrition.InvalidParamError, match="AgeAtJoining needs Age, YearsAtCompany"):
        fit(employees[["DistanceFromHome", "Attrition"]], {"hr_features": True}, id=None)


def test_training_rows_that_a_step_cannot_take_are_named(employees: pd.DataFrame) -> None:
    table = employees.assign(Balance=np.arange(len(employees)) - 700.0)
    with pytest.raises(attrition.InvalidDataError, match="yeo_johnson") as caught:
        fit(table, {"columns": {"Balance": {"transform": "box_cox"}}})
    assert (caught.value.row, caught.value.column) == (0, "Balance")
    with pytest.raises(attrition.InvalidDataError, match="division by zero at character 15") as caught:
        fit(table, {"derive": {"Rate": "MonthlyIncome / Balance"}})
    assert (caught.value.row, caught.value.column) == (700, "Rate")
    with pytest.raises(attrition.InvalidDataError, match="logarithm") as caught:
        fit(table, {"derive": {"Log": "log(Balance + 690)"}})
    assert caught.value.row == 0


def test_predicting_repairs_what_cannot_be_computed(employees: pd.DataFrame) -> None:
    model = fit(employees, {"derive": {"PayPerYear": "MonthlyIncome / (TotalWorkingYears + 1)"}})
    row = employees.drop(columns="Attrition").iloc[3].to_dict()
    assert not model.predict_one(row).warnings
    answer = model.predict_one({**row, "TotalWorkingYears": -1})
    kinds = {w.column: w.kind for w in answer.warnings}
    assert kinds == {"TotalWorkingYears": "out_of_range", "PayPerYear": "not_computable"}
    assert "division by zero" in next(w.message for w in answer.warnings if w.column == "PayPerYear")
    # A gap is a gap, not a failure.
    assert {w.kind for w in model.predict_one({**row, "TotalWorkingYears": None}).warnings} == {"missing"}
    strict = fit(employees, {"category": {"on_unseen": "error"}})
    with pytest.raises(attrition.SchemaMismatchError, match="JobRole"):
        strict.proba_one({**row, "JobRole": "Astronaut"})


def test_a_whole_pipeline_is_saved_to_the_last_bit(gaps: pd.DataFrame, tmp_path: Path) -> None:
    model = fit(
        gaps,
        {
            "derive": {"Tenure": 'years(HireDate, date("2026-01-01"))', "Far": "DistanceFromHome > 20"},
            "hr_features": True,
            "number": {"transform": "yeo_johnson", "skew_limit": 0.5},
            "columns": {
                "MonthlyIncome": {"clip": [0.01, 0.99], "transform": "quantile_normal", "scale": "min_max"},
                "Tenure": {"spline": {"n_knots": 5}},
                "JobRole": {"encode": "target"},
                "EducationField": {"encode": "frequency"},
                "BusinessTravel": {"encode": "ordinal", "order": ["Never", "Rarely", "Often"]},
            },
            "select": {"method": "rfe", "keep": 30, "step": 5},
            "resample": {"method": "smote_nc"},
        },
        cv=3,
        calibration="auto",
    )
    path = tmp_path / "attrition.model"
    model.save(path)
    loaded = attrition.load(path)
    assert loaded.to_bytes() == model.to_bytes()
    assert loaded.pipeline.to_dict() == model.pipeline.to_dict()
    assert str(loaded.pipeline) == str(model.pipeline)
    features = gaps.drop(columns="Attrition")
    batch = model.predict_proba(features)
    assert loaded.predict_proba(features).tobytes() == batch.tobytes()
    alone = [loaded.proba_one(row) for row in features.head(200).to_dict("records")]
    assert np.array(alone).tobytes() == batch[:200].tobytes()
    lines = str(model.pipeline).splitlines()
    assert len(lines) == len(model.pipeline.columns)
    assert repr(model.pipeline) == f"Pipeline({len(lines)} columns, {len(model.pipeline.features)} features)"


def test_folds_fit_their_own(employees: pd.DataFrame) -> None:
    """A target encoding of an id-like column tells nothing out of fold."""
    rng = np.random.default_rng(2)
    table = employees[["Attrition", "Age"]].assign(Code=[f"c{i}" for i in rng.integers(0, 500, len(employees))])
    result = attrition.cross_validate(
        table[["Attrition", "Code"]],
        target="Attrition",
        positive="Yes",
        preprocess={"columns": {"Code": {"encode": "target", "max_levels": 1000}}},
        learner="logistic",
    )
    assert abs(np.mean(result.scores["roc_auc"]) - 0.5) < 0.07
