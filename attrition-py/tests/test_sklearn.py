"""The scikit-learn classifier: its own checks, the tools around it, frames as they are, weights."""

from __future__ import annotations

import pickle
from typing import Any

import attrition
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from attrition.sklearn import AttritionClassifier
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator

QUICK = {"n_trees": 20}


@pytest.fixture(scope="module")
def frame(employees: pd.DataFrame) -> pd.DataFrame:
    return employees.head(600).drop(columns=["Attrition", "EmployeeNumber"])


@pytest.fixture(scope="module")
def y(employees: pd.DataFrame) -> pd.Series:
    return employees.head(600)["Attrition"]


@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API:Warning")
@pytest.mark.parametrize("learner", ["boosting", "logistic", "glassbox", "tree"])
def test_the_checks_of_scikit_learn(learner: str) -> None:
    results = check_estimator(AttritionClassifier(learner=learner), on_skip=None)
    statuses = {r["check_name"]: r["status"] for r in results}
    # This one alone asks for an experimental setting of SciPy.
    assert {name for name, status in statuses.items() if status != "passed"} <= {"check_array_api_input"}
    assert statuses["check_sample_weight_equivalence_on_dense_data"] == "passed"
    assert len(statuses) > 40


def test_tags() -> None:
    tags = get_tags(AttritionClassifier())
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags is not None and not tags.classifier_tags.multi_class
    assert tags.input_tags.allow_nan and tags.input_tags.categorical and not tags.input_tags.sparse
    assert tags.target_tags.required


def test_the_defaults_are_those_of_the_guide() -> None:
    params = AttritionClassifier().get_params()
    assert {n: params[n] for n in ("learner", "cv", "holdout", "calibration", "threshold")} == {
        "learner": "boosting",
        "cv": None,
        "holdout": None,
        "calibration": None,
        "threshold": 0.5,
    }


def test_frames_are_taken_as_they_are(frame: pd.DataFrame, y: pd.Series) -> None:
    classifier = AttritionClassifier(params=QUICK).fit(frame, y)
    assert classifier.feature_names_in_.tolist() == list(frame.columns)
    assert classifier.n_features_in_ == frame.shape[1]
    assert classifier.classes_.tolist() == ["No", "Yes"]
    proba = classifier.predict_proba(frame)
    assert proba.shape == (600, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, rtol=0, atol=1e-15)
    assert set(classifier.predict(frame)) == {"No", "Yes"}
    assert ((classifier.predict(frame) == "Yes") == (proba[:, 1] >= 0.5)).all()
    # What it holds is a model like any other, with the target's own name and labels, and every column an input.
    assert classifier.model_.labels == ["No", "Yes"]
    target = classifier.model_.schema.to_dict()["target"]
    assert (target["column"], target["positive"]) == ("Attrition", "Yes")
    assert set(classifier.model_.schema.features) == set(frame.columns)
    assert classifier.model_.predict_proba(frame).tobytes() == proba[:, 1].tobytes()

    other = AttritionClassifier(params=QUICK).fit(pl.from_pandas(frame), pl.Series(y.name, y.tolist()))
    assert other.feature_names_in_.tolist() == list(frame.columns)
    assert other.predict_proba(pl.from_pandas(frame)).tobytes() == proba.tobytes()
    gaps = frame.assign(Age=np.nan, OverTime=None, Gender="unheard of").astype({"OverTime": object})
    assert np.isfinite(classifier.predict_proba(gaps)).all()


def test_columns_must_be_those_of_the_fit(frame: pd.DataFrame, y: pd.Series) -> None:
    classifier = AttritionClassifier(params=QUICK).fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        classifier.predict(frame.rename(columns={"Age": "Years"}))
    with pytest.raises(ValueError, match=r"same name|unique column names"):
        AttritionClassifier().fit(pd.DataFrame([[1.0, 2.0]] * 4, columns=["a", "a"]), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        AttritionClassifier().fit(frame.head(0), y.head(0))
    with pytest.raises(ValueError, match="minimum of 1 is required"):
        AttritionClassifier().fit(frame[[]], y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        AttritionClassifier().fit(frame, y.head(5))
    with pytest.raises(ValueError, match=r"y cannot be None|requires y to be passed"):
        AttritionClassifier().fit(frame, None)


def test_no_column_is_taken_for_an_id_or_dropped() -> None:
    rng = np.random.default_rng(0)
    data = pd.DataFrame({"number": np.arange(200), "same": 1.0, "gone": np.nan, "x": rng.normal(size=200)})
    label = (data["number"] > 120).to_numpy()
    classifier = AttritionClassifier(params={"n_trees": 5, "column_fraction": 1}).fit(data, label)
    assert classifier.model_.schema.features == list(data.columns)
    assert (classifier.predict(data) == label).all()


@pytest.mark.parametrize(
    "labels",
    [
        [0, 1],
        [-1, 1],
        [1.0, 2.0],
        [False, True],
        ["No", "Yes"],
        ["2024-05-31", "2024-06-30"],
        ["1", "2"],
        [np.int8(3), np.int8(7)],
    ],
    ids=repr,
)
def test_labels_of_every_type_come_back(labels: list[Any]) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    target = np.array(labels)[(x[:, 0] > 0).astype(int)]
    classifier = AttritionClassifier(learner="logistic").fit(x, target)
    assert classifier.classes_.dtype == target.dtype
    predicted = classifier.predict(x)
    assert predicted.dtype == target.dtype
    assert (predicted == target).mean() > 0.9


def test_arrays_of_objects_hold_strings_too() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.choice(["a", "b"], size=100).astype(object), rng.normal(size=100).astype(object)])
    target = x[:, 0] == "a"
    classifier = AttritionClassifier(learner="logistic").fit(x, target)
    assert (classifier.predict(x) == target).all()
    assert [f["kind"] for f in classifier.model_.schema.fields][:2] == ["category", "number"]


@pytest.mark.parametrize("learner", ["boosting", "tree", "logistic", "glassbox"])
def test_weights_are_counts(frame: pd.DataFrame, y: pd.Series, learner: str) -> None:
    weights = np.random.default_rng(1).integers(0, 4, size=len(y))
    if learner in ("boosting", "tree"):
        # Trees rate the levels of a category by other rows, in folds by the number of the row.
        frame = frame.select_dtypes("number").assign(OverTime=frame["OverTime"])
    classifier = AttritionClassifier(learner=learner, params=QUICK if learner == "boosting" else None)
    weighted = clone(classifier).fit(frame, y, sample_weight=weights)
    repeated = clone(classifier).fit(frame.loc[frame.index.repeat(weights)], y.loc[y.index.repeat(weights)])
    np.testing.assert_allclose(weighted.predict_proba(frame), repeated.predict_proba(frame), rtol=1e-9, atol=1e-12)


def test_the_tools_around_it(frame: pd.DataFrame, y: pd.Series) -> None:
    classifier = AttritionClassifier(params=QUICK)
    scores = cross_val_score(classifier, frame, y, cv=3, scoring="roc_auc")
    assert scores.shape == (3,) and (scores > 0.6).all()

    search = GridSearchCV(classifier, {"params__n_trees": [2, 20], "learner": ["boosting"]}, cv=3, scoring="roc_auc")
    search.fit(frame, y)
    assert search.best_params_ == {"params__n_trees": 20, "learner": "boosting"}
    assert search.best_estimator_.model_.params["n_trees"] == 20
    assert classifier.params == QUICK, "a search leaves what it was given alone"

    calibrated = CalibratedClassifierCV(classifier, cv=3).fit(frame, y)
    assert calibrated.predict_proba(frame).shape == (600, 2)

    numbers = frame.select_dtypes("number")
    pipeline = make_pipeline(SimpleImputer(), StandardScaler(), classifier)
    assert pipeline.fit(numbers, y).predict(numbers).shape == (600,)
    columns = make_column_transformer(
        (StandardScaler(), ["Age", "MonthlyIncome"]), ("passthrough", ["OverTime"]), verbose_feature_names_out=False
    )
    mixed = make_pipeline(columns, classifier).set_output(transform="pandas")
    mixed.fit(frame, y)
    assert mixed[-1].feature_names_in_.tolist() == ["Age", "MonthlyIncome", "OverTime"]


def test_weights_are_routed(frame: pd.DataFrame, y: pd.Series) -> None:
    weights = np.where(y == "Yes", 3.0, 1.0)
    numbers = frame.select_dtypes("number")
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = AttritionClassifier(params=QUICK).set_fit_request(sample_weight=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=False), classifier)
        routed = cross_validate(
            pipeline,
            numbers,
            y,
            cv=3,
            params={"sample_weight": weights},
            return_estimator=True,
            scoring=make_scorer(accuracy_score).set_score_request(sample_weight=False),
        )
        (first, *_) = routed["estimator"]
    train, _ = next(StratifiedKFold(3).split(numbers, y))
    by_hand = clone(pipeline).fit(numbers.iloc[train], y.iloc[train], attritionclassifier__sample_weight=weights[train])
    assert first.predict_proba(numbers).tobytes() == by_hand.predict_proba(numbers).tobytes()
    plain = clone(pipeline).fit(numbers.iloc[train], y.iloc[train])
    assert plain.predict_proba(numbers).tobytes() != by_hand.predict_proba(numbers).tobytes()


def test_folds_of_its_own(frame: pd.DataFrame, y: pd.Series) -> None:
    given = AttritionClassifier(
        learner=["logistic", "tree"], cv=StratifiedKFold(3), calibration="sigmoid", threshold="f2"
    )
    given.fit(frame, y)
    assert given.model_.training["n_folds"] == 3
    assert given.model_.threshold != 0.5
    ids = np.empty(len(y), dtype=int)
    for fold, (_, test) in enumerate(StratifiedKFold(3).split(frame, y)):
        ids[test] = fold
    rows = frame.assign(Attrition=y)
    same = attrition.train(
        rows,
        target="Attrition",
        positive="Yes",
        learner=["logistic", "tree"],
        folds=ids,
        holdout=None,
        calibration="sigmoid",
    )
    assert same.predict_proba(frame).tobytes() == given.predict_proba(frame)[:, 1].tobytes()
    with pytest.raises(ValueError, match="at most once"):
        AttritionClassifier(cv=ShuffleSplit(5)).fit(frame, y)


def test_clones_copies_and_files(frame: pd.DataFrame, y: pd.Series, tmp_path: Any) -> None:
    classifier = AttritionClassifier(params=QUICK, random_state=3).fit(frame, y)
    expected = classifier.predict_proba(frame).tobytes()
    assert not hasattr(clone(classifier), "model_")
    assert clone(classifier).fit(frame, y).model_.digest == classifier.model_.digest
    assert pickle.loads(pickle.dumps(classifier)).predict_proba(frame).tobytes() == expected
    joblib.dump(classifier, tmp_path / "classifier")
    assert joblib.load(tmp_path / "classifier").predict_proba(frame).tobytes() == expected
    classifier.model_.save(tmp_path / "attrition.model")
    assert attrition.load(tmp_path / "attrition.model").digest == classifier.model_.digest


def test_seeds(frame: pd.DataFrame, y: pd.Series) -> None:
    def digest(random_state: Any) -> str:
        params = {"n_trees": 5, "column_fraction": 0.3}
        return AttritionClassifier(params=params, random_state=random_state).fit(frame, y).model_.digest

    assert digest(0) == digest(np.int64(0)) != digest(1)
    assert digest(np.random.RandomState(0)) == digest(np.random.RandomState(0))
    assert digest(None) != digest(None)


def test_threads_change_nothing(frame: pd.DataFrame, y: pd.Series) -> None:
    digests = {AttritionClassifier(params=QUICK, n_jobs=n).fit(frame, y).model_.digest for n in (None, 1, 2, -1)}
    assert len(digests) == 1


def test_bad_parameters_are_named(frame: pd.DataFrame, y: pd.Series) -> None:
    for bad in ({"learner": "magic"}, {"params": {"nonsense": 1}}, {"params": 5}, {"threshold": 7}, {"cv": 1}):
        with pytest.raises(attrition.AttritionError):
            AttritionClassifier(**bad).fit(frame, y)
    with pytest.raises(ValueError, match="Invalid parameter 'nonsense'"):
        AttritionClassifier().set_params(nonsense=1)
    with pytest.raises(ValueError, match="Only binary classification"):
        AttritionClassifier().fit(frame, np.arange(len(y)) % 3)
    with pytest.raises(ValueError, match="one class only"):
        AttritionClassifier().fit(frame, y, sample_weight=(y == "Yes").to_numpy(dtype=float))
    with pytest.raises(ValueError):
        AttritionClassifier().fit(frame, y, sample_weight=-np.ones(len(y)))
