import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { crossValidate, datasets, Model, Table, train } from "attrition";
import { people, target } from "./data.mjs";

const rows = people(1500);

test("train, predict, explain, evaluate", async () => {
  const stages = new Set();
  const m = await train(rows, { ...target, sensitive: "Remote", onProgress: (e) => stages.add(e.stage) });
  assert.deepEqual([...stages], ["cross_validate", "fit"]);
  assert.deepEqual(m.labels, ["No", "Yes"]);
  assert.equal(m.learner, "logistic");
  assert.equal(m.params.penalty, "l2");
  assert.equal(m.schema.fields.find((f) => f.name === "Remote").role, "sensitive");
  assert.equal(m.schema.fields.find((f) => f.name === "Age").isInteger, true);
  assert.equal(m.training.nRows, 1500);
  assert.ok(m.training.holdout.roc_auc.value > 0.6);

  const proba = await m.predictProba(rows);
  assert.ok(proba instanceof Float64Array && proba.length === rows.length);
  const labels = await m.predict(rows);
  assert.deepEqual(labels, Array.from(proba, (p) => (p >= m.threshold ? "Yes" : "No")));

  const one = m.predictOne({ Age: 99, OverTime: "sometimes" });
  assert.equal(one.proba, m.probaOne({ Age: 99, OverTime: "sometimes" }));
  const kinds = Object.fromEntries(one.warnings.map((w) => [w.column, w.kind]));
  assert.deepEqual([kinds.Age, kinds.OverTime, kinds.Income], ["out_of_range", "unseen", "missing"]);

  const parts = m.contributions(rows[0]);
  const logOdds = Object.values(parts).reduce((a, b) => a + b, 0);
  assert.ok(Math.abs(1 / (1 + Math.exp(-logOdds)) - m.probaOne(rows[0])) < 1e-9);
  assert.ok(Object.hasOwn(parts, "(base)") && Object.hasOwn(parts, "constructor"));
  assert.ok(m.terms().some((t) => t.column === "Age" && t.values.length > 1));

  const evaluation = await m.evaluate(rows);
  assert.equal(evaluation.n, 1500);
  assert.ok(evaluation.metrics.roc_auc.low < evaluation.metrics.roc_auc.value);
  assert.ok(evaluation.curves.precisionRecall.x.length > 1);
});

test("a term written by hand is what scores", async () => {
  const m = await train(rows, { ...target, learner: "glassbox", cv: 3, calibration: null });
  const ages = [
    { value: 20, contribution: 0.5 },
    { value: 40n, contribution: -0.5 },
    { value: null, contribution: 0.25 },
  ];
  const written = m.withTerm("Age", ages);
  assert.ok(Math.abs(written.contributions({ Age: 25 }).Age - 0.25) < 1e-12);
  assert.ok(Math.abs(written.contributions({ OverTime: "Yes" }).Age - 0.25) < 1e-12);
  assert.notEqual(written.digest, m.digest);
  assert.equal(written.training.edits[0].term, "Age");
  assert.equal(m.training.edits, undefined);
  const term = m.terms().find((t) => t.column === "OverTime");
  const same = m.withTerm("OverTime", term.values);
  for (const { value, contribution } of term.values) {
    assert.ok(Math.abs(same.contributions({ Age: 30, OverTime: value }).OverTime - contribution) < 1e-9);
  }
  const without = m.withoutTerm("OverTime");
  assert.equal(without.probaOne({ OverTime: "Yes" }), without.probaOne({ OverTime: "No" }));
  assert.throws(() => m.withTerm("Agee", ages), { code: "ATTRITION_INVALID_PARAM", message: /did you mean `Age`/ });
  assert.throws(() => m.withTerm("Age", [{ value: 3, contribution: Number.NaN }]), { code: "ATTRITION_INVALID_PARAM" });
});

test("the same seed gives the same bytes, from rows, columns and a table, at any thread count", async () => {
  const columns = Object.fromEntries(Object.keys(rows[0]).map((name) => [name, rows.map((row) => row[name])]));
  const bytes = [];
  for (const data of [rows, columns, await Table.from(rows)]) {
    for (const nThreads of [1, 3]) bytes.push((await train(data, { ...target, nThreads })).toBytes());
  }
  for (const b of bytes) assert.ok(b.equals(bytes[0]));
});

test("cross-validation gives out-of-fold predictions in row order", async () => {
  const cv = await crossValidate(rows, { ...target, cv: 4 });
  assert.equal(cv.predictions.length, 1500);
  assert.equal(cv.scores.roc_auc.length, 4);
  const folds = rows.map((_, i) => (i < 300 ? -1 : i % 3));
  const given = await crossValidate(rows, { ...target, folds });
  assert.deepEqual(Array.from(given.predictions, Number.isNaN), folds.map((f) => f < 0));
  assert.equal(given.folds[0].nTest, 400);
});

test("options keep their values and say what is wrong", async () => {
  const m = await train(rows, { ...target, learner: "auto", params: { logistic: { maxIter: 50 } }, seed: 2n ** 63n });
  assert.equal(m.training.leaderboard.find((c) => c.learner === "logistic").params.maxIter, 50);
  assert.equal(m.training.seed, 2n ** 63n);
  const numbers = rows.map((r) => ({ ...r, Attrition: r.Attrition === "Yes" ? 1 : 0 }));
  for (const positive of [1, 1n, true, undefined]) {
    assert.equal((await train(numbers, { target: "Attrition", positive, cv: null })).training.nPositive, m.training.nPositive);
  }
  const refused = { code: "ATTRITION_INVALID_PARAM" };
  await assert.rejects(train(numbers, { target: "Attrition", positive: "1" }), refused);
  await assert.rejects(train(rows, { ...target, treshold: 0.5 }), { ...refused, message: /treshold/ });
  await assert.rejects(train(rows, { ...target, threshold: NaN }), refused);
  await assert.rejects(train(rows, { ...target, holdout: Infinity }), refused);
  await assert.rejects(train(rows, { target: "Nobody" }), { code: "ATTRITION_NOT_FOUND" });
  await assert.rejects(train(rows.map(({ Age }) => ({ Age, Attrition: "Yes" })), target), { code: /INVALID/ });
});

test("a row that does not fit is named with all its problems", async () => {
  const m = await train(rows, { ...target, cv: null });
  assert.throws(() => m.probaOne({ Age: "30", Remote: 2 }), (e) => {
    assert.ok(e instanceof Error);
    assert.equal(e.code, "ATTRITION_SCHEMA_MISMATCH");
    assert.deepEqual(e.problems.map((p) => p.column), ["Age", "Remote"]);
    return true;
  });
  await assert.rejects(m.predictProba([rows[0], { Age: Infinity }]), { code: "ATTRITION_SCHEMA_MISMATCH", row: 1, column: "Age" });
  await assert.rejects(m.predictProba({ Age: [1] }), (e) => e.problems.length > 3);
  for (const bad of [undefined, null, 5, "x", [], {}]) assert.throws(() => m.probaOne(bad), { code: "ATTRITION_SCHEMA_MISMATCH" });
});

test("a signal stops training; what onProgress throws rejects", async () => {
  const controller = new AbortController();
  const many = people(20_000, 5);
  const stopped = train(many, { ...target, signal: controller.signal, onProgress: () => controller.abort() });
  await assert.rejects(stopped, { name: "AbortError", code: "ATTRITION_CANCELLED" });
  const boom = new Error("boom");
  const thrown = train(many, {
    ...target,
    onProgress: () => {
      throw boom;
    },
  });
  await assert.rejects(thrown, (e) => e === boom);
});

test("a signal stops while rows are still being encoded", async () => {
  const m = await train(rows, { ...target, cv: null });
  const many = Array.from({ length: 400_000 }, (_, i) => rows[i % rows.length]);
  for (const call of [(signal) => m.predictProba(many, { signal }), (signal) => train(many, { ...target, signal })]) {
    const controller = new AbortController();
    setTimeout(() => controller.abort("enough"), 10);
    const start = performance.now();
    await assert.rejects(call(controller.signal), { name: "AbortError", code: "ATTRITION_CANCELLED", cause: "enough" });
    assert.ok(performance.now() - start < 1000);
  }
});

test("training leaves the event loop free", async () => {
  const table = await Table.from(people(20_000, 6));
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
  }, 5);
  await train(table, target);
  clearInterval(timer);
  assert.ok(last > 0 && worst < 1000, `the event loop stood still for ${worst} ms`);
});

test("saved, loaded, sent as bytes: the same model", async () => {
  const folder = mkdtempSync(join(tmpdir(), "attrition-"));
  try {
    const m = await train(rows, target);
    const path = join(folder, "attrition.model");
    await m.save(path);
    const expected = Array.from(await m.predictProba(rows));
    for (const loaded of [await Model.load(path), Model.loadSync(path), Model.fromBytes(readFileSync(path)), Model.fromBytes(m.toBytes())]) {
      assert.equal(loaded.digest, m.digest);
      assert.equal(loaded.threshold, m.threshold);
      assert.deepEqual(loaded.training, m.training);
      assert.deepEqual(Array.from(await loaded.predictProba(rows)), expected);
    }
    assert.match(m.digest, /^[0-9a-f]{64}$/);
    const copy = structuredClone(m.toBytes());
    assert.equal(Model.fromBytes(copy).digest, m.digest);

    const bytes = m.toBytes();
    assert.throws(() => Model.fromBytes(bytes.subarray(0, bytes.length - 1)), { code: "ATTRITION_ARTIFACT" });
    assert.throws(() => Model.fromBytes(new Uint8Array()), { code: "ATTRITION_ARTIFACT" });
    bytes[bytes.length >> 1] ^= 1;
    assert.throws(() => Model.fromBytes(bytes), { code: "ATTRITION_ARTIFACT" });
    assert.throws(() => Model.loadSync(join(folder, "absent")), { code: "ATTRITION_IO" });
    await assert.rejects(Model.load(join(folder, "absent")), { code: "ATTRITION_IO" });
    await assert.rejects(m.save(join(folder, "absent", "x")), { code: "ATTRITION_IO" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the embedded employees", async () => {
  const table = await datasets.employees({ nRows: 500, seed: 3 });
  assert.equal(table.nRows, 500);
  assert.deepEqual((await datasets.employees({ nRows: 500, seed: 3n })).row(17), table.row(17));
  const m = await train(table, target);
  assert.equal(m.probaOne(table.row(0)), (await m.predictProba(table))[0]);
  const knobs = { nRows: 200, truth: true, bias: [{ column: "Gender", group: "Female", risk: 0.7 }], missing: { rate: 0.1 } };
  assert.ok((await datasets.employees(knobs)).columns.includes("TrueProbability"));
  await assert.rejects(datasets.employees({ nrows: 5 }), { code: "ATTRITION_INVALID_PARAM" });
});

test("the leaderboard is kept and shown", async () => {
  for (const learner of ["auto", ["logistic", "linfa_tree"]]) {
    const m = await train(rows, { ...target, learner, cv: 3 });
    const { leaderboard } = m.training;
    const scores = leaderboard.map((c) => c.score);
    assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
    const chosen = leaderboard.filter((c) => c.isChosen);
    assert.equal(chosen.length, 1);
    assert.deepEqual([chosen[0].learner, chosen[0].params], [m.learner, m.params]);
    assert.equal(m.pipelines.length, m.params.members?.length ?? 1);
    assert.equal(String(m.pipelines[0]), String(m.pipeline));
    for (const c of leaderboard) assert.ok(String(m.training).includes(`${c.score.toFixed(4)}  ${c.learner}`));
    assert.deepEqual(Model.fromBytes(m.toBytes()).training.leaderboard, leaderboard);
  }
});

test("trees say what their columns did", async () => {
  const params = { nTrees: 30, maxLeaves: 6, columnFraction: 1 };
  const m = await train(rows, { ...target, learner: "boosting", params, cv: null, seed: 1 });
  const importances = Object.values(m.importances());
  const gains = importances.map((i) => i.gain);
  assert.deepEqual(gains, [...gains].sort((a, b) => b - a));
  assert.ok(gains[0] > 0 && importances.reduce((n, i) => n + i.splits, 0) > 30);
  assert.equal(m.params.nTrees, 30);
  assert.equal(m.params.learningRate, 0.1);
  assert.equal(m.probaOne(rows[0]), (await m.predictProba([rows[0]]))[0]);
  const additive = await train(rows, { ...target, learner: "glassbox", cv: null });
  assert.throws(() => additive.importances(), /not made of trees/);
});
