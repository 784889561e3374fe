"""Ours beside the peers on the real data sets, given folds, everybody's defaults: ROC-AUC and log-loss.

    PYTHONPATH=attrition-py/python python benches/peers/quality.py [REPETITIONS [DATA SET ...]]

Means over the test folds; `catboost_lossguide` is CatBoost with trees grown leaf by leaf instead of its oblivious ones.
"""

import os
import pathlib
import sys
import time
import warnings

import attrition
import numpy as np
import pandas as pd
from sklearn.metrics import log_loss, roc_auc_score

DATA = {
    "ibm_hr": (
        "ibm_hr_attrition.csv",
        "Attrition",
        "Yes",
        ["EmployeeNumber", "EmployeeCount", "Over18", "StandardHours"],
    ),
    "hr_comma_sep": ("hr_comma_sep.csv", "left", 1, []),
    "adult": ("adult.csv", "income", ">50K", []),
}
OURS = ("auto", "glassbox", "boosting", "forest")
PEERS = ("lightgbm", "xgboost", "catboost", "catboost_lossguide", "sklearn_hgb", "sklearn_forest")
THREADS = 2


def peer(name: str, x_train, y_train, x_test, text):
    """Probabilities of the test rows; categories in the form each takes them best."""
    codes = {c: x_train[c].astype("category").cat.categories for c in text}

    def as_categories(x):
        return x.assign(**{c: pd.Categorical(x[c], categories=codes[c]) for c in text})

    if name.startswith("catboost"):
        from catboost import CatBoostClassifier

        shape = {"grow_policy": "Lossguide"} if name.endswith("lossguide") else {}
        model = CatBoostClassifier(**shape, thread_count=THREADS, verbose=0, allow_writing_files=False)
        strings = [x.assign(**{c: x[c].fillna("").astype(str) for c in text}) for x in (x_train, x_test)]
        return model.fit(strings[0], y_train, cat_features=text).predict_proba(strings[1])[:, 1]
    x_train, x_test = as_categories(x_train), as_categories(x_test)
    if name == "lightgbm":
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(n_jobs=THREADS, verbose=-1)
    elif name == "xgboost":
        from xgboost import XGBClassifier

        model = XGBClassifier(n_jobs=THREADS, enable_categorical=True, tree_method="hist")
    elif name == "sklearn_hgb":
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(categorical_features="from_dtype")
    else:
        from sklearn.compose import make_column_transformer
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), text), remainder="passthrough")
        model = make_pipeline(encode, RandomForestClassifier(500, n_jobs=THREADS, random_state=0))
    return model.fit(x_train, y_train).predict_proba(x_test)[:, 1]


def main() -> None:
    warnings.filterwarnings("ignore")
    n_repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    shared = pathlib.Path(os.environ.get("ATTRITION_SHARED", "../shared")) / "data"
    for name in sys.argv[2:] or DATA:
        file, target, positive, dropped = DATA[name]
        table = pd.read_csv(shared / file).drop(columns=dropped)
        folds = pd.read_csv(shared / f"folds/{name}.csv")
        y = (table[target] == positive).to_numpy()
        x = table.drop(columns=target)
        text = [c for c in x.columns if not pd.api.types.is_numeric_dtype(x[c])]
        for learner in OURS + PEERS:
            start, scores = time.perf_counter(), []
            for repetition in [f"rep{r}" for r in range(n_repetitions)]:
                ids = folds[repetition].to_numpy()
                proba = np.empty(len(y))
                if learner in OURS:
                    cv = attrition.cross_validate(
                        table,
                        target=target,
                        positive=positive,
                        learner=learner,
                        folds=ids,
                        calibration=None,
                        n_threads=THREADS,
                    )
                    proba = cv.predictions
                else:
                    for fold in np.unique(ids):
                        test = ids == fold
                        proba[test] = peer(learner, x[~test], y[~test], x[test], text)
                for fold in np.unique(ids):
                    test = ids == fold
                    scores.append((roc_auc_score(y[test], proba[test]), log_loss(y[test], proba[test])))
            auc, loss = np.mean(scores, axis=0)
            seconds = time.perf_counter() - start
            print(f"{name:13} {learner:19} ROC-AUC {auc:.4f}  log-loss {loss:.4f}  {seconds:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
