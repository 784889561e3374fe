"""Makes logistic.json: coefficients of scikit-learn's logistic regression. Run: python make_logistic.py > logistic.json

L2 and none by newton-cholesky, L1 and elastic net by saga (liblinear would penalise the intercept). Standard deviations are the
square roots of the diagonal of the inverse Hessian, by numpy.
"""

import json
import warnings

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("error", message=".*converge.*")
N = 150
rng = np.random.default_rng(20261124)
dense = np.round(np.column_stack([rng.normal(size=N), rng.normal(1.0, 3.0, N), rng.exponential(2.0, N)]), 3)
dense = np.column_stack([dense, np.round(dense[:, 0] + 0.3 * rng.normal(size=N), 3)])
department = rng.integers(0, 4, N)
travel = rng.integers(0, 3, N)
z = -0.6 + 0.9 * dense[:, 0] - 0.25 * dense[:, 1] + np.array([0.0, 0.8, -0.5, 0.3])[department] + 0.4 * travel
y = (rng.random(N) < 1 / (1 + np.exp(-z))).astype(int)
weights = np.round(rng.exponential(1.0, N), 2)
weights[rng.random(N) < 0.1] = 0.0


def hot(codes, levels):
    return (codes[:, None] == np.arange(levels)).astype(float)


# Feature order: dense 0, department (levels 0..2; code 3 is a row of zeros), dense 1, travel (all levels), dense 2, dense 3.
columns = [
    {"dense": dense[:, 0].tolist()},
    {"codes": department.tolist(), "n_levels": 3},
    {"dense": dense[:, 1].tolist()},
    {"codes": travel.tolist(), "n_levels": 3},
    {"dense": dense[:, 2].tolist()},
    {"dense": dense[:, 3].tolist()},
]
x = np.column_stack([dense[:, :1], hot(department, 3), dense[:, 1:2], hot(travel, 3), dense[:, 2:]])
# The indicators of travel sum to 1: without a penalty the last of them has no coefficient of its own.
LAST = 7


def case(name, params, tolerance, weighted=False):
    penalty = params.get("penalty", "l2")
    c = params.get("c", 1.0)
    class_weight = params.get("class_weight")
    if isinstance(class_weight, dict):
        class_weight = {0: class_weight["negative"], 1: class_weight["positive"]}
    keep = np.delete(np.arange(x.shape[1]), LAST) if penalty == "none" else np.arange(x.shape[1])
    sparse = penalty in ("l1", "elasticnet")
    l1_ratio = {"l1": 1.0, "elasticnet": params.get("l1_ratio", 0.5)}.get(penalty, 0.0)
    model = LogisticRegression(
        C=np.inf if penalty == "none" else c,
        l1_ratio=l1_ratio,
        class_weight=class_weight,
        solver="saga" if sparse else "newton-cholesky",
        tol=1e-12,
        max_iter=2_000_000 if sparse else 1000,
        random_state=0,
    )
    w = weights if weighted else np.ones(N)
    model.fit(x[:, keep], y, sample_weight=w)
    coef = np.zeros(x.shape[1])
    coef[keep] = model.coef_[0]
    expected = {"coef": coef.tolist(), "intercept": float(model.intercept_[0])}
    if not sparse:
        if class_weight == "balanced":
            total = [w[y == k].sum() for k in (0, 1)]
            w = w * np.where(y == 1, sum(total) / (2 * total[1]), sum(total) / (2 * total[0]))
        elif class_weight:
            w = w * np.where(y == 1, class_weight[1], class_weight[0])
        p = model.predict_proba(x[:, keep])[:, 1]
        full = np.column_stack([np.ones(N), x[:, keep]])
        ridge = np.zeros(full.shape[1])
        if penalty == "l2":
            ridge[1:] = 1 / c
        sd = np.sqrt(np.diag(np.linalg.inv(full.T @ (full * (w * p * (1 - p))[:, None]) + np.diag(ridge))))
        std_err = np.zeros(x.shape[1])
        std_err[keep] = sd[1:]
        expected |= {"std_err": std_err.tolist(), "intercept_std_err": float(sd[0])}
    return {
        "name": name,
        "input": {"params": params, "weighted": weighted},
        "tolerance": {"relative": tolerance, "absolute": tolerance},
        "expected": expected,
    }


EXACT, SAGA = 1e-6, 1e-5
cases = [
    case("defaults", {}, EXACT),
    case("strong penalty", {"c": 0.01}, EXACT),
    case("weak penalty", {"c": 100.0}, EXACT),
    case("sample weights", {}, EXACT, weighted=True),
    case("balanced", {"class_weight": "balanced"}, EXACT),
    case("balanced, sample weights", {"class_weight": "balanced", "c": 0.1}, EXACT, weighted=True),
    case("class weights", {"class_weight": {"negative": 0.5, "positive": 4.0}}, EXACT, weighted=True),
    case("none", {"penalty": "none"}, EXACT),
    case("none, sample weights", {"penalty": "none"}, EXACT, weighted=True),
    case("l1", {"penalty": "l1"}, SAGA),
    case("l1, strong, sample weights", {"penalty": "l1", "c": 0.1}, SAGA, weighted=True),
    case("l1, balanced", {"penalty": "l1", "c": 0.2, "class_weight": "balanced"}, SAGA),
    case("elastic net", {"penalty": "elasticnet", "c": 0.5, "l1_ratio": 0.3}, SAGA),
    case("elastic net, sample weights", {"penalty": "elasticnet", "c": 0.05, "l1_ratio": 0.7}, SAGA, weighted=True),
]
head = {
    "what": "Coefficients of logistic regression: `columns` is the design (dense numbers, or codes of an indicator group), `input` the "
    "parameters and whether the weights are used.",
    "oracle": {"name": "scikit-learn", "version": sklearn.__version__},
    "columns": columns,
    "y": y.tolist(),
    "weights": weights.tolist(),
}
lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
body = ",\n".join("    " + json.dumps(c) for c in cases)
print("{\n" + "\n".join(lines) + '\n  "cases": [\n' + body + "\n  ]\n}")
