"""First steps: train on the embedded employees, read what was learned, save, load, predict one.

python examples/python/first_steps.py [FOLDER]
"""

import sys
from pathlib import Path

import attrition

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")

# Any table will do: a pandas or polars frame, `attrition.read_csv(path)`, a dict of columns, a list of dict rows.
employees = attrition.datasets.employees(n_rows=1470, seed=0)

model = attrition.train(employees, target="Attrition", positive="Yes", sensitive=["Gender"], learner="glassbox")
print(model)

for name in ("roc_auc", "average_precision", "brier"):
    score = model.training["holdout"][name]
    print(f"{name:18} {score['value']:.3f}  95 %: {score['low']:.3f} to {score['high']:.3f}")

print("strongest:", ", ".join(term["column"] for term in model.terms()[:5]))

path = folder / "attrition.model"
model.save(path)

# The same file predicts in Rust and Node, with the same bits.
again = attrition.load(path)
row = {"Age": 29, "OverTime": "Yes", "JobSatisfaction": 1, "MonthlyIncome": 2400, "YearsAtCompany": 1}
prediction = again.predict_one(row)
print(f"P(leaves) = {prediction.proba:.3f}, label {prediction.label} at {prediction.threshold:.3f}")
print(f"{len(prediction.warnings)} values were filled in, the first: {prediction.warnings[0].column}")

contributions = again.contributions(row)
strongest = max((name for name in row), key=lambda name: abs(contributions[name]))
print(f"most of it: {strongest} = {row[strongest]} ({contributions[strongest]:+.2f} in log-odds)")
