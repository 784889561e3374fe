"""Writes gaussian_process.json: posteriors of Matern-5/2 processes by scikit-learn."""

import json
import pathlib

import numpy as np
import sklearn
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

rng = np.random.default_rng(0)
cases = []
for n, scales, variance, noise in (
    (5, [0.3], 1.0, 1e-4),
    (20, [0.2, 1.5, 0.7], 2.5, 0.05),
    (30, [0.5, 0.4], 0.3, 1e-3),
):
    x, at = rng.random((n, len(scales))).round(6), rng.random((6, len(scales))).round(6)
    y = (np.sin(5 * x).sum(1) + 0.1 * rng.normal(size=n)).round(6)
    kernel = ConstantKernel(variance, "fixed") * Matern(scales, "fixed", nu=2.5)
    mean, deviation = (
        GaussianProcessRegressor(kernel, alpha=noise, optimizer=None).fit(x, y).predict(at, return_std=True)
    )
    given = {
        "x": x.tolist(),
        "y": y.tolist(),
        "length_scales": scales,
        "variance": variance,
        "noise": noise,
        "at": at.tolist(),
    }
    cases.append(
        {
            "name": f"{n} points, {len(scales)} dimensions",
            "input": given,
            "expected": {"mean": mean.tolist(), "deviation": deviation.tolist()},
        }
    )
out = {
    "what": "Posterior mean and deviation of a Gaussian process with a Matern-5/2 kernel and one length scale a dimension.",
    "oracle": {"name": "scikit-learn", "version": sklearn.__version__},
    "tolerance": {"relative": 0, "absolute": 1e-6},
    "cases": cases,
}
path = pathlib.Path(__file__).with_name("gaussian_process.json")
path.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
