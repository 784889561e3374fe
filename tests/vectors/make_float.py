"""Writes float.json: correctly rounded values of the elementary functions, by mpmath (pip install mpmath)."""

import json
import pathlib
import random
import struct

import mpmath

mpmath.mp.prec = 400


def bits(x: float) -> str:
    return struct.pack(">d", x).hex()


def rounded(value) -> float:
    return float(value)  # mpmath rounds to nearest, ties to even


RULES = {
    "exp": (lambda x: mpmath.exp(x), [0.0, -0.0, 1.0, -1.0, 1e-300, 709.7, -708.3, -745.0, 0.5, 1e-9]),
    "exp_m1": (lambda x: mpmath.expm1(x), [1e-300, 1e-12, -1e-12, 0.3, -0.3, 30.0, -40.0]),
    "ln": (lambda x: mpmath.log(x), [1.0, 2.0, 0.5, 1e-300, 5e-324, 1e300, 0.9999999999999999, 1.0000000000000002]),
    "ln_1p": (lambda x: mpmath.log1p(x), [1e-300, 1e-12, -1e-12, 0.3, -0.9999999, 1e10]),
    "sigmoid": (lambda x: 1 / (1 + mpmath.exp(-x)), [0.0, 1.0, -1.0, 36.0, -36.0, -700.0, 1e-10]),
    "softplus": (lambda x: mpmath.log1p(mpmath.exp(x)), [0.0, 1.0, -1.0, 40.0, -40.0, 1e-10]),
    "normal_cdf": (lambda x: mpmath.ncdf(x), [0.0, 1.0, -1.0, 1.959963984540054, -8.0, 5.0, -30.0]),
    "normal_quantile": (
        lambda p: -mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * mpmath.mpf(p)),
        [0.5, 0.975, 0.025, 1e-10, 0.9, 0.3, 1e-300],
    ),
}
SPANS = {
    "exp": (-700, 700), "exp_m1": (-30, 30), "ln": (1e-9, 1e9), "ln_1p": (-0.99, 1e3), "sigmoid": (-40, 40),
    "softplus": (-40, 40), "normal_cdf": (-6, 6), "normal_quantile": (1e-6, 0.999999),
}  # fmt: skip

cases = []
draw = random.Random(1)
for name, (rule, points) in RULES.items():
    low, high = SPANS[name]
    # erfc of a rounded argument: the error grows with the square of it.
    tolerance = {"tolerance": {"relative": 1e-12, "absolute": 0.0}} if name.startswith("normal") else {}
    for x in points + [draw.uniform(low, high) for _ in range(12)]:
        cases.append({"name": name, "input": [bits(x)], "expected": bits(rounded(rule(mpmath.mpf(x)))), **tolerance})
for x, y in [(2.0, 0.5), (0.5, 1074.0), (10.0, -300.0), (1.0000000000000002, 1e15)] + [
    (draw.uniform(0.01, 100), draw.uniform(-20, 20)) for _ in range(12)
]:
    cases.append(
        {"name": "pow", "input": [bits(x), bits(y)], "expected": bits(rounded(mpmath.mpf(x) ** mpmath.mpf(y)))}
    )

path = pathlib.Path(__file__).with_name("float.json")
golden = {}
if path.exists():
    golden = {(c["name"], *c["input"]): c["golden"] for c in json.loads(path.read_text())["cases"] if "golden" in c}
for c in cases:
    if (g := golden.get((c["name"], *c["input"]))) is not None:
        c["golden"] = g


def compact(value) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


head = {
    "oracle": {"name": "mpmath", "version": mpmath.__version__},
    "tolerance": {"ulp": 2},
    "what": "Elementary functions of num::float: `expected` is the correctly rounded value, `golden` the bits of ours.",
}
lines = [f"  {json.dumps(k)}: {compact(v)},\n" for k, v in head.items()]
body = ",\n".join("    " + compact(c) for c in cases)
path.write_text("{\n" + "".join(lines) + '  "cases": [\n' + body + "\n  ]\n}\n")
