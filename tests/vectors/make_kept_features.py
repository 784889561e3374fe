"""Makes kept_features.json: what scikit-learn and imbalanced-learn select and find near. Run: python make_kept_features.py > kept_features.json

Kept features: VarianceThreshold, RFE, LogisticRegression (L1 by saga) and mutual_info_classif of scikit-learn; correlation by numpy. A
feature's weight is |coef| times its standard deviation. Whole weights are repeated rows. Information in bins is mutual_info_score
of the bins, less Miller and Madow's bias; the features it puts first are those that mutual_info_classif puts first.
Neighbours are those that imbalanced-learn's SMOTENC finds among the rarer label's rows, numbers standardised beforehand.
"""

import json
import warnings

import imblearn
import numpy as np
import sklearn
from imblearn.over_sampling import SMOTENC
from sklearn.feature_selection import RFE, VarianceThreshold, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mutual_info_score

warnings.filterwarnings("error", message=".*converge.*")
N = 400
rng = np.random.default_rng(20261124)
a = rng.normal(size=N)
names = [
    "a",
    "b",
    "near_a",
    "square",
    "noise",
    "small",
    "site=0",
    "site=1",
    "site=2",
    "wide",
    "grid",
    "constant",
    "noise2",
]
site = rng.integers(0, 4, N)
dense = {
    "a": a,
    "b": rng.normal(2.0, 3.0, N),
    "near_a": a + 0.15 * rng.normal(size=N),
    "square": rng.normal(size=N),
    "noise": rng.normal(size=N),
    "small": 0.02 * rng.normal(size=N),
    "wide": rng.exponential(40.0, N),
    "grid": rng.integers(0, 5, N).astype(float),
    "constant": np.full(N, 0.1),
    "noise2": rng.uniform(size=N),
}
dense = {name: np.round(v, 3) for name, v in dense.items()}
z = -2.2 + 1.6 * dense["a"] - 0.25 * (dense["b"] - 2) + 1.8 * dense["square"] ** 2 + 25 * dense["small"]
z += np.array([1.2, -0.6, 0.1, 0.0])[site] + 0.2 * dense["grid"]
y = (rng.random(N) < 1 / (1 + np.exp(-z))).astype(int)
weights = rng.integers(0, 4, N)
order = ["a", "b", "near_a", "square", "noise", "small", "site", "wide", "grid", "constant", "noise2"]
columns = [{"codes": site.tolist(), "n_levels": 3} if n == "site" else {"dense": dense[n].tolist()} for n in order]
hot = (site[:, None] == np.arange(3)).astype(float)
x = np.column_stack([hot if n == "site" else dense[n] for n in order])
P = x.shape[1]
assert P == len(names)


class Weighs(LogisticRegression):
    """Logistic regression whose weights are per standard deviation."""

    def fit(self, x, y):
        super().fit(x, y)
        self.weights_ = np.abs(self.coef_[0]) * x.std(axis=0)
        return self


def ridge():
    return Weighs(C=1.0, solver="newton-cholesky", tol=1e-12, max_iter=1000)


def lasso(c):
    return Weighs(C=c, l1_ratio=1.0, solver="saga", tol=1e-11, max_iter=3_000_000, random_state=0)


def rows(weighted):
    return np.repeat(np.arange(N), weights) if weighted else np.arange(N)


def share(keep):
    return int(max(1, keep * P)) if keep < 1 else int(keep)


def first(scores, k):
    best = np.sort(scores)[::-1]
    assert best[k - 1] - best[k] > 1e-3 * best[0], "too near a tie to compare"
    return (scores > best[k]).tolist()


def variance(weighted, threshold):
    v = x[rows(weighted)]
    chosen = VarianceThreshold(threshold).fit(v)
    return {"kept": chosen.get_support().tolist(), "scores": np.where(np.ptp(v, axis=0) > 0, v.var(axis=0), 0).tolist()}


def correlation(weighted, limit):
    i = rows(weighted)
    varies = [j for j in range(P) if np.ptp(x[i, j]) > 0]
    r = np.eye(P + 1)
    r[np.ix_([*varies, P], [*varies, P])] = np.abs(np.corrcoef(np.column_stack([x[i][:, varies], y[i]]).T))
    r[np.arange(P), np.arange(P)] = 0
    kept = np.ones(P, dtype=bool)
    # Strongest first: whoever stays sends away those near it that tell less.
    for j in sorted(range(P), key=lambda j: -r[j, P]):
        if kept[j]:
            kept &= ~((r[j, :P] > limit) & (r[:P, P] < r[j, P]))
    return {"kept": kept.tolist(), "scores": r[:P, P].tolist()}


def rfe(weighted, keep, step):
    i = rows(weighted)
    chosen = RFE(ridge(), n_features_to_select=share(keep), step=step, importance_getter="weights_").fit(x[i], y[i])
    return {"kept": chosen.support_.tolist(), "ranking": chosen.ranking_.tolist()}


def importance(weighted, keep, by):
    assert by == "logistic"
    i = rows(weighted)
    scores = ridge().fit(x[i], y[i]).weights_
    return {"kept": first(scores, share(keep)), "scores": scores.tolist()}


def l1(weighted, c):
    i = rows(weighted)
    scores = lasso(c).fit(x[i], y[i]).weights_
    assert not ((scores > 0) & (scores < 1e-4)).any(), "too near 0 to compare"
    return {"kept": (scores > 0).tolist(), "scores": scores.tolist()}


def information(weighted, keep):
    i = rows(weighted)
    scores = []
    for j in range(P):
        v = x[i, j]
        cuts = np.unique(np.quantile(v, np.arange(1, 16) / 16))
        bins = np.searchsorted(cuts[cuts > v.min()], v, side="right")
        scores.append(max(0, mutual_info_score(bins, y[i]) - (len(np.unique(bins)) - 1) / (2 * len(v))))
    kept = first(np.array(scores), share(keep))
    if not weighted:
        discrete = np.array([n.startswith("site") or n == "grid" for n in names])
        near = np.mean(
            [mutual_info_classif(x, y, discrete_features=discrete, random_state=s) for s in range(20)], axis=0
        )
        assert first(near, share(keep)) == kept, (np.round(near, 3), np.round(scores, 3))
    return {"kept": kept, "scores": scores}


def case(f, params, method=None):
    """The case without weights and the one with."""
    method = method or f.__name__
    return [
        {
            "name": f"{method} {params}{', weighted' if weighted else ''}",
            "input": {"params": {"method": method} | params, "weighted": weighted},
            "tolerance": {"relative": 1e-5, "absolute": 1e-6}
            if method == "l1"
            else {"relative": 1e-6, "absolute": 1e-9},
            "expected": f(weighted, **params),
        }
        for weighted in (False, True)
    ]


cases = [
    *case(variance, {"threshold": 0.0}),
    *case(variance, {"threshold": 0.2}),
    *case(correlation, {"limit": 0.9}),
    *case(correlation, {"limit": 0.3}),
    *case(information, {"keep": 3}, "mutual_information"),
    *case(rfe, {"keep": 5, "step": 1}),
    *case(rfe, {"keep": 0.3, "step": 0.25}),
    *case(rfe, {"keep": 2, "step": 4}),
    *case(importance, {"keep": 4, "by": "logistic"}),
    *case(l1, {"c": 0.02}),
    *case(l1, {"c": 0.1}),
]

# ── neighbours ──────────────────────────────────────────────────────────────────────────────────────────────────────────
M = 160
numbers = np.round(np.column_stack([rng.normal(50, 20, M), rng.exponential(3.0, M), rng.uniform(size=M)]), 3)
nominal = np.column_stack([rng.integers(0, 3, M), rng.integers(0, 2, M)]).astype(float)
rare = rng.permutation(np.arange(M) < 45).astype(int)
K = 5
standard = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
sampler = SMOTENC(categorical_features=[3, 4], k_neighbors=K, random_state=0)
sampler.fit_resample(np.column_stack([standard, nominal]), rare)
found = sampler.nn_k_.kneighbors(sampler.nn_k_._fit_X, return_distance=False)
assert (found[:, 0] == np.arange(rare.sum())).all()
positions = np.flatnonzero(rare)

head = {
    "what": "Features that a selection keeps of a design (`columns`: dense numbers, or codes of an indicator group), by `input`; and under "
    "`neighbours` the rows that SMOTE-NC finds nearest to each row of label 1, nearest first.",
    "oracle": {"name": "scikit-learn, imbalanced-learn", "version": f"{sklearn.__version__}, {imblearn.__version__}"},
    "names": names,
    "columns": columns,
    "y": y.tolist(),
    "weights": weights.tolist(),
    "neighbours": {
        "numbers": numbers.T.tolist(),
        "nominal": nominal.T.tolist(),
        "y": rare.tolist(),
        "k_neighbors": K,
        "penalty": float(sampler.median_std_[1] ** 2),
        "expected": [[int(row), positions[near[1:]].tolist()] for row, near in zip(positions, found, strict=True)],
    },
}
lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
body = ",\n".join("    " + json.dumps(c) for c in cases)
print("{\n" + "\n".join(lines) + '\n  "cases": [\n' + body + "\n  ]\n}")
