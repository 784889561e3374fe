"""Makes preprocessing.json: what is fitted on one column of numbers. Run: python make_preprocessing.py > preprocessing.json

Weights are oracled by repeating rows, which is what they mean.
"""

import json

import numpy as np
import scipy
import sklearn
from scipy import stats
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, SplineTransformer, StandardScaler

rng = np.random.default_rng(20261124)
CLOSED, OPTIMISED = 1e-10, 1e-6
cases = []


def case(name, step, given, expected, tolerance=CLOSED):
    bounds = tolerance if tolerance == "bits" else {"relative": tolerance, "absolute": tolerance}
    cases.append({"name": name, "step": step, "input": given, "tolerance": bounds, "expected": expected})


def rounded(x, digits=4):
    return np.round(np.asarray(x, dtype=float), digits)


def repeated(x, w):
    return np.repeat(x, np.asarray(w, dtype=int))


# Quantiles: equal to the last bit, written by their bits.
def bits(values):
    return [np.float64(v).view(np.uint64).item().to_bytes(8, "big").hex() for v in values]


levels = [0.0, 0.001, 0.05, 0.1, 0.25, 0.333, 0.5, 0.61, 0.75, 0.9, 0.987, 1.0]
for name, x, w in [
    ("even number of values", rounded(rng.normal(size=40)), None),
    ("odd number of values, ties", rng.integers(-5, 6, 41) / 7, None),
    ("one value", np.array([0.1]), None),
    ("two values far apart", np.array([1e300, -1e-300]), None),
    ("repeated rows", rounded(rng.exponential(size=30)), rng.integers(0, 4, 30)),
    ("repeated rows, ties", rng.integers(0, 9, 60) / 3, rng.integers(0, 3, 60)),
]:
    rows = x if w is None else repeated(x, w)
    given = {"values": x.tolist(), "weights": None if w is None else w.tolist(), "levels": levels}
    case(name, "quantiles", given, bits(np.quantile(rows, levels)), "bits")

# Splines: inside, at the knots and beyond them.
for name, knots in [
    ("even knots", [0.0, 1.0, 2.0, 3.0]),
    ("uneven knots", [-3.0, -2.5, 0.1, 0.4, 7.0]),
    ("two knots", [-1.0, 2.0]),
    ("far from 0", [1e6, 1e6 + 0.5, 1e6 + 3.0]),
]:
    low, high = knots[0], knots[-1]
    points = np.concatenate([np.linspace(low - 1, high + 1, 9), knots, rounded(rng.uniform(low, high, 3))])
    for degree in range(6):
        # scikit-learn fails beyond the end knots at degree 0.
        x = points if degree > 0 else points[(points >= low) & (points <= high)]
        for extrapolation in ("constant", "linear"):
            model = SplineTransformer(
                knots=np.array(knots)[:, None], degree=degree, extrapolation=extrapolation, include_bias=True
            )
            basis = model.fit(np.array(knots)[:, None]).transform(x[:, None])
            given = {"knots": knots, "degree": degree, "extrapolation": extrapolation, "x": x.tolist()}
            # Knots far from 0 hold fewer digits of where x lies between them.
            tolerance = 1e-9 if low > 1e5 else 1e-12
            expected = [[float(f"{v:.14g}") for v in row] for row in basis]
            case(f"{name}, degree {degree}, {extrapolation}", "spline", given, expected, tolerance)

# The quantile transform: unique values, ties, more rows than landmarks, weights.
for name, x, w in [
    ("unique values", rounded(rng.normal(size=60)), None),
    ("ties", np.repeat([0.0, 1.0, 2.5, 4.0], [20, 5, 12, 3]), None),
    ("most rows at the lowest value", np.concatenate([np.zeros(50), rounded(rng.exponential(size=20), 2)]), None),
    ("more rows than landmarks", rng.integers(0, 300, 1700) / 4, None),
    ("repeated rows", rounded(rng.normal(size=50), 1), rng.integers(0, 4, 50)),
]:
    rows = x if w is None else repeated(x, w)
    fresh = np.unique(np.concatenate([x[:30], rounded(np.linspace(x.min() - 1, x.max() + 1, 25), 3)]))
    model = QuantileTransformer(output_distribution="normal", n_quantiles=min(1000, len(rows)), subsample=None)
    expected = model.fit(rows[:, None]).transform(fresh[:, None])[:, 0]
    given = {"values": x.tolist(), "weights": None if w is None else w.tolist(), "x": fresh.tolist()}
    case(name, "quantile_normal", given, expected.tolist(), 1e-7)

# Scales.
scalers = {"standard": StandardScaler(), "min_max": MinMaxScaler(), "robust": RobustScaler()}
for name, x, w in [
    ("skewed", rounded(rng.gamma(2.0, 3.0, 50)), None),
    ("far from 0", rounded(1e7 + rng.normal(size=40)), None),
    ("few values", rng.integers(0, 3, 40).astype(float), None),
    ("one value", np.full(30, 0.1), None),
    ("most rows at one value", np.concatenate([np.full(40, 2.0), [1.0, 9.0]]), None),
    ("repeated rows", rounded(rng.normal(size=40)), rng.integers(0, 4, 40)),
]:
    rows = x if w is None else repeated(x, w)
    for step, scaler in scalers.items():
        given = {"values": x.tolist(), "weights": None if w is None else w.tolist()}
        # At 1e7 a last bit of the centre is 2e-9, and MinMaxScaler computes x·s + m.
        tolerance = 1e-8 if name == "far from 0" else CLOSED
        case(name, step, given, scaler.fit(rows[:, None]).transform(x[:, None])[:, 0].tolist(), tolerance)

# Powers: lambda to the search's tolerance; values at this lambda; the skewness before.
positive = [
    ("log-normal", rounded(rng.lognormal(1.0, 0.8, 80)), None),
    ("exponential", rounded(rng.exponential(2.0, 80) + 0.001), None),
    ("left-skewed", rounded(10 - rng.gamma(2.0, 1.0, 80).clip(max=9.9)), None),
    ("pay in cents", np.round(rng.lognormal(13.0, 0.5, 80)), None),
    ("small shares", rng.lognormal(-6.0, 1.0, 60).round(6) + 1e-6, None),
    ("counts", rng.poisson(4.0, 100) + 1.0, None),
    ("heavy tail", rounded(rng.pareto(1.2, 80) + 1), None),
    ("far from 0", rounded(1000 + rng.normal(size=60) * 30), None),
    ("repeated rows", rounded(rng.gamma(1.5, 2.0, 60) + 0.01), rng.integers(0, 4, 60)),
]
signed = [
    ("normal", rounded(rng.normal(0.5, 2.0, 80)), None),
    ("skewed both sides of 0", rounded(rng.gamma(1.0, 3.0, 80) - 2.0), None),
    ("negative", rounded(-rng.lognormal(1.0, 0.6, 80)), None),
    ("heavy tails", rounded(rng.standard_t(2, 80)), None),
    ("large both sides of 0", np.round(rng.standard_t(3, 80) * 1e6), None),
    ("zeros and counts", rng.poisson(0.7, 100).astype(float), None),
    ("repeated rows, signed", rounded(rng.gamma(1.0, 2.0, 60) - 1.0), rng.integers(0, 4, 60)),
]
for step, columns in [("box_cox", positive), ("yeo_johnson", positive + signed)]:
    transform = stats.boxcox if step == "box_cox" else stats.yeojohnson
    for name, x, w in columns:
        rows = x if w is None else repeated(x, w)
        _, lmbda = transform(rows)
        given = {"values": x.tolist(), "weights": None if w is None else w.tolist()}
        expected = {
            "lambda": float(lmbda),
            "values": [float(f"{v:.13g}") for v in transform(x, lmbda=lmbda)],
            "skewness": float(stats.skew(rows)),
        }
        case(name, step, given, expected, OPTIMISED)

head = {
    "what": "Steps fitted on one column of numbers: `values` and `weights` are fitted on, `x` (else the values) is put through.",
    "oracle": {
        "name": "scikit-learn, SciPy and NumPy",
        "version": f"{sklearn.__version__}, {scipy.__version__} and {np.__version__}",
    },
    "tolerance": {"relative": CLOSED, "absolute": CLOSED},
}
lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
body = ",\n".join("    " + json.dumps(c, separators=(",", ":")) for c in cases)
print("{\n" + "\n".join(lines) + '\n  "cases": [\n' + body + "\n  ]\n}")
