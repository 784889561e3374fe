import assert from "node:assert/strict";
import { test } from "node:test";
import { crossValidate, Model, train } from "attrition";
import { people, target } from "./data.mjs";

const rows = people(1200, 3);
const raw = { ...target, learner: "logistic", cv: null, holdout: null, calibration: null };
const fit = (preprocess, options) => train(rows, { ...raw, preprocess, ...options });
const steps = (model, name) => model.pipeline.columns.find((c) => c.column === name)?.steps ?? [];

test("each option reaches the core, its name in camelCase", async () => {
  for (const [column, settings, shown] of [
    ["Income", { clip: [0.1, 0.9] }, "clip to "],
    ["Income", { transform: "box_cox" }, "box_cox with lambda "],
    ["Income", { transform: "quantile_normal" }, "quantile_normal"],
    ["Age", { spline: { nKnots: 4, degree: 2 } }, "spline: 5 features"],
    ["Income", { impute: { constant: 33 } }, "impute 33 and a feature for gaps"],
    ["Income", { impute: { constant: 33 }, indicator: false, scale: "none" }, "impute 33"],
    ["Level", { maxLevels: 4 }, "one_hot: 5 features"],
    ["OverTime", { dropFirst: true }, "one_hot: 1 features"],
    ["OverTime", { encode: "ordinal", order: ["No", "Yes"] }, "ordinal: 2 levels"],
    ["Level", { encode: "target", smoothing: 5 }, "target: "],
    ["Level", { encode: "frequency" }, "frequency: "],
    ["Level", { onUnseen: "error" }, "an unseen level is an error"],
  ]) {
    const model = await fit({ columns: { [column]: settings } });
    assert.ok(steps(model, column).some((s) => s.startsWith(shown)), `${column}: ${steps(model, column)}`);
    assert.ok(String(model.pipeline).includes(shown));
  }
  const skewed = { transform: "yeo_johnson" };
  assert.ok(steps(await fit({ number: { ...skewed, skewLimit: 0 } }), "Income").some((s) => s.startsWith("yeo_johnson")));
  assert.ok(!steps(await fit({ number: { ...skewed, skewLimit: 50 } }), "Income").some((s) => s.startsWith("yeo_johnson")));
  const overruled = await fit({ number: { clip: [0, 0.9] }, columns: { Age: { clip: null }, constructor: { drop: true } } });
  assert.ok(!steps(overruled, "Age").some((s) => s.startsWith("clip")));
  assert.ok(steps(overruled, "Income").some((s) => s.startsWith("clip")));
  assert.deepEqual(steps(overruled, "constructor"), []);
});

test("names of columns and of derived features are the caller's", async () => {
  const odd = rows.map(({ Age, Income, ...row }) => ({ ...row, nKnots: Age, monthlyIncome: Income }));
  const model = await train(odd, {
    ...raw,
    preprocess: {
      derive: {
        payPerYear: "monthlyIncome / (nKnots + 1)",
        dropFirst: "band(nKnots, 30, 40)",
        tenure: 'years(Hired, date("2026-01-01"))',
      },
      columns: { nKnots: { spline: { nKnots: 3 } }, dropFirst: { dropFirst: true } },
    },
  });
  const { columns, features, selection } = model.pipeline;
  assert.equal(columns.find((c) => c.column === "payPerYear").expression, "monthlyIncome / (nKnots + 1)");
  assert.deepEqual(features.find((f) => f.feature === "payPerYear").sources, ["monthlyIncome", "nKnots"]);
  assert.deepEqual(columns.find((c) => c.column === "dropFirst").features, ["dropFirst=30-40", "dropFirst=>=40"]);
  assert.equal(columns.find((c) => c.column === "nKnots").features.length, 5);
  assert.ok(columns.some((c) => c.column === "tenure") && !columns.some((c) => c.column === "Hired"));
  assert.equal(selection, null);
  const day = { Hired: new Date("2001-02-03T00:00:00Z") };
  assert.equal(model.probaOne(day), model.probaOne({ Hired: "2001-02-03" }));
  assert.notEqual(model.probaOne(day), model.probaOne({ Hired: null }));
});

test("the built-in features", async () => {
  const model = await train(rows.map((r) => ({ ...r, YearsAtCompany: r.Age - 20 })), { ...raw, preprocess: { hrFeatures: true } });
  const derived = model.pipeline.columns.filter((c) => c.expression !== null).map((c) => c.column);
  assert.deepEqual(derived, ["AgeAtJoining", "AgeGroup"]);
});

test("the selection says what stays and why", async () => {
  for (const [select, n] of [
    [{ method: "rfe", keep: 3, step: 4 }, 3],
    [{ method: "mutual_information", keep: 4 }, 4],
    [{ method: "l1", c: 0.02 }, null],
  ]) {
    const { selection, features } = (await fit({ select })).pipeline;
    assert.equal(selection.method, select.method);
    const kept = selection.features.filter((f) => f.kept).map((f) => f.feature);
    assert.deepEqual(kept, features.map((f) => f.feature));
    assert.ok(kept.length < selection.features.length && (n === null || kept.length === n));
    assert.ok(selection.features.every((f) => f.reason.length > 0 && typeof f.score === "number"));
  }
});

test("resampling leaves probabilities where they were", async () => {
  const mean = (proba) => proba.reduce((a, b) => a + b) / proba.length;
  const rate = rows.filter((r) => r.Attrition === "Yes").length / rows.length;
  assert.ok(rate < 0.45);
  for (const resample of [{ method: "over" }, { method: "under", ratio: 0.9 }, { method: "smote_nc", kNeighbors: 3 }]) {
    const model = await fit({ resample });
    assert.ok(Math.abs(mean(await model.predictProba(rows)) - rate) < 0.04, resample.method);
  }
});

test("what is wrong is named", async () => {
  for (const [preprocess, message] of [
    [{ numbers: {} }, /preprocess.*numbers/],
    [{ number: { skewLimits: 1 } }, /preprocess\.number.*skewLimits/],
    [{ number: { encode: "target" } }, /preprocess\.number\.encode/],
    [{ columns: { Agee: { drop: true } } }, /did you mean `Age`/],
    [{ columns: { Age: { spline: { nKnots: 1 } } } }, /preprocess\.columns\.Age\.spline\.nKnots/],
    [{ derive: { Rate: "Income / (Age + " } }, /at character 17/],
    [{ derive: { Rate: "2 * Agee" } }, /at character 5 .*did you mean `Age`/],
    [{ select: { method: "magic" } }, /magic/],
    [{ resample: { method: "over", ratio: 2 } }, /preprocess\.resample\.ratio/],
    [{ hrFeatures: 3 }, /preprocess\.hrFeatures/],
    [7, /preprocess/],
  ]) {
    await assert.rejects(fit(preprocess), { code: "ATTRITION_INVALID_PARAM", message });
  }
  const data = rows.map((r, i) => ({ ...r, Balance: i - 700 }));
  for (const [preprocess, row, column, message] of [
    [{ columns: { Balance: { transform: "box_cox" } } }, 0, "Balance", /yeo_johnson/],
    [{ derive: { Rate: "Age / Balance" } }, 700, "Rate", /division by zero at character 5/],
  ]) {
    await assert.rejects(train(data, { ...raw, preprocess }), { code: "ATTRITION_INVALID_DATA", row, column, message });
  }
});

test("predicting repairs what cannot be computed", async () => {
  const model = await fit({ derive: { Rate: "Income / (Age + 1)" } });
  const warnings = model.predictOne({ ...rows[0], Income: 2000, Age: -1 }).warnings;
  assert.deepEqual(
    warnings.filter((w) => w.kind !== "unseen").map((w) => [w.column, w.kind]),
    [["Age", "out_of_range"], ["Rate", "not_computable"]],
  );
});

test("a whole pipeline is saved to the last bit", async () => {
  const model = await fit(
    {
      derive: { Tenure: 'years(Hired, date("2026-01-01"))' },
      number: { transform: "yeo_johnson", skewLimit: 0.5 },
      category: { minShare: 0.02 },
      columns: {
        Income: { clip: [0.01, 0.99], transform: "quantile_normal", skewLimit: null, scale: "min_max" },
        Age: { spline: { nKnots: 5 } },
        Level: { encode: "target" },
        toString: { encode: "frequency" },
        OverTime: { encode: "ordinal", order: ["No", "Yes"] },
      },
      select: { method: "importance", keep: 0.7 },
      resample: { method: "smote_nc" },
    },
    { cv: 3, calibration: "auto" },
  );
  const loaded = Model.fromBytes(model.toBytes());
  assert.deepEqual(loaded.pipeline.columns, model.pipeline.columns);
  assert.deepEqual(loaded.pipeline.selection, model.pipeline.selection);
  assert.equal(String(loaded.pipeline), String(model.pipeline));
  const batch = await model.predictProba(rows);
  assert.deepEqual(await loaded.predictProba(rows), batch);
  rows.slice(0, 200).forEach((row, i) => assert.ok(Object.is(loaded.probaOne(row), batch[i])));
});

test("cross-validation takes it too", async () => {
  const cv = await crossValidate(rows, { ...target, learner: "logistic", cv: 3, preprocess: { columns: { Level: { encode: "target" } } } });
  assert.equal(cv.scores.roc_auc.length, 3);
  await assert.rejects(crossValidate(rows, { ...target, preprocess: { select: { method: "rfe", keep: -1 } } }), /preprocess\.select\.keep/);
});
