"""The 18 pipelines of the seed system (3 transforms × 3 scalers × 2 encoders) on IBM HR, ours beside scikit-learn's.

    PYTHONPATH=attrition-py/python python benches/peers/pipelines.py [REPETITIONS]

Prints a line a pipeline: mean ROC-AUC over the given folds of both, and the mean difference with its standard error over the
folds; exits non-zero where a difference is beyond 2.5 standard errors and 0.002.
"""

import os
import pathlib
import sys
import warnings

import attrition
import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

TRANSFORMS = {
    "none": None,
    "yeo_johnson": lambda: PowerTransformer(standardize=False),
    "quantile_normal": lambda: QuantileTransformer(output_distribution="normal", subsample=None, n_quantiles=1000),
}
SCALERS = {"standard": StandardScaler, "min_max": MinMaxScaler, "robust": RobustScaler}
ENCODERS = {
    "one_hot": lambda: OneHotEncoder(handle_unknown="ignore"),
    "ordinal": lambda: make_pipeline(
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), StandardScaler()
    ),
}
DROPPED = ["EmployeeNumber", "EmployeeCount", "Over18", "StandardHours"]


def main():
    shared = pathlib.Path(os.environ.get("ATTRITION_SHARED", "../shared"))
    table = pd.read_csv(shared / "data/ibm_hr_attrition.csv").drop(columns=DROPPED)
    folds = pd.read_csv(shared / "data/folds/ibm_hr.csv")
    repetitions = [c for c in folds.columns if c.startswith("rep")][: int(sys.argv[1]) if len(sys.argv) > 1 else 2]
    y = (table["Attrition"] == "Yes").to_numpy()
    x = table.drop(columns="Attrition")
    text = [c for c in x.columns if not pd.api.types.is_numeric_dtype(x[c])]
    numbers = [c for c in x.columns if c not in text]
    far = 0
    for transform, make in TRANSFORMS.items():
        for scale, scaler in SCALERS.items():
            for encode, encoder in ENCODERS.items():
                ours, peer = [], []
                for rep in repetitions:
                    ids = folds[rep].to_numpy()
                    cv = attrition.cross_validate(
                        table,
                        folds=ids,
                        target="Attrition",
                        positive="Yes",
                        learner="logistic",
                        calibration=None,
                        threshold=None,
                        preprocess={
                            "number": {"transform": transform, "scale": scale},
                            "category": {"encode": encode} | ({"scale": "standard"} if encode == "ordinal" else {}),
                        },
                    )
                    steps = [SimpleImputer(strategy="median")] + ([make()] if make else []) + [scaler()]
                    for k in sorted(set(ids[ids >= 0])):
                        train, test = ids != k, ids == k
                        columns = make_column_transformer((make_pipeline(*steps), numbers), (encoder(), text))
                        model = make_pipeline(columns, LogisticRegression(max_iter=5000))
                        with warnings.catch_warnings():
                            warnings.simplefilter("ignore")
                            model.fit(x[train], y[train])
                            proba = model.predict_proba(x[test])[:, 1]
                        ours.append(roc_auc_score(y[test], cv.predictions[test]))
                        peer.append(roc_auc_score(y[test], proba))
                difference = np.array(ours) - np.array(peer)
                error = difference.std(ddof=1) / np.sqrt(len(difference))
                is_far = abs(difference.mean()) > max(0.002, 2.5 * error)
                far += is_far
                print(
                    f"{transform:16} {scale:9} {encode:8} attrition {np.mean(ours):.4f}  scikit-learn {np.mean(peer):.4f}"
                    f"  difference {difference.mean():+.4f} ± {error:.4f}{'  FAR' if is_far else ''}"
                )
    sys.exit(1 if far else 0)


if __name__ == "__main__":
    main()
