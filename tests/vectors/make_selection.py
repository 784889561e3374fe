"""Makes selection.json: scikit-learn's target encodings and selections. Run: python make_selection.py > selection.json"""

import json

import numpy as np
import sklearn
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler, TargetEncoder

rng = np.random.default_rng(20261125)
cases = []


def add(step, name, data, expected):
    cases.append({"name": name, "input": {"step": step, **data}, "expected": expected})


def column(x):
    return np.asarray(x, dtype=float)[:, None]


# Categories: one common, one rare, one with positives alone, one of one row.
codes = np.concatenate([np.repeat([0, 1, 2, 3], [30, 25, 8, 6]), [4]])
labels = (rng.random(len(codes)) < np.array([0.1, 0.4, 0.6, 1.0, 0.0])[codes]).astype(int)
for smoothing in ("auto", 0.0, 1.0, 12.5):
    encoder = TargetEncoder(smooth=smoothing, target_type="binary").fit(column(codes).astype(int), labels)
    expected = {"levels": encoder.encodings_[0].tolist(), "unseen": encoder.target_mean_}
    data = {"codes": codes.tolist(), "y": labels.tolist(), "smoothing": smoothing}
    add("target", f"smoothing {smoothing}", data, expected)

# Selection on standardised features: informative ones, noise, and a near copy.
n, p = 160, 9
x = rng.normal(size=(n, p))
x[:, 5] = x[:, 0] + 0.4 * rng.normal(size=n)
z = -0.5 + 1.2 * x[:, 0] - 0.8 * x[:, 2] + 0.5 * x[:, 4]
y = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
x = np.round((x - x.mean(0)) / x.std(0), 3)
data = {"columns": x.T.tolist(), "y": y.tolist()}
standardised = StandardScaler().fit_transform(x)
for keep, step in ((3, 1), (5, 2), (1, 1), (2, 3)):
    estimator = LogisticRegression(solver="newton-cholesky", tol=1e-12)
    kept = RFE(estimator, n_features_to_select=keep, step=step).fit(standardised, y).support_
    params = {"method": "rfe", "keep": keep, "step": step}
    add("select", f"rfe to {keep} by {step}", {"params": params}, kept.tolist())
for c in (0.02, 0.05, 0.1, 0.3, 1.0):
    model = LogisticRegression(l1_ratio=1.0, C=c, solver="saga", tol=1e-12, max_iter=2_000_000).fit(standardised, y)
    params = {"method": "l1", "c": c}
    add("select", f"l1 with c = {c}", {"params": params}, (model.coef_[0] != 0).tolist())

head = {
    "what": "Target encodings of levels, and which features of `selection` stay.",
    "oracle": {"name": "scikit-learn", "version": sklearn.__version__},
    "tolerance": {"relative": 1e-12, "absolute": 1e-12},
    "selection": data,
}
lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
body = ",\n".join("    " + json.dumps(c, separators=(",", ":")) for c in cases)
print("{\n" + "\n".join(lines) + '\n  "cases": [\n' + body + "\n  ]\n}")
