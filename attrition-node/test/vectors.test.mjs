// The record vectors that every language reads: see tests/vectors/README.md.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Model } from "attrition";
import { root } from "./shared.mjs";

const vectors = JSON.parse(readFileSync(join(root, "tests/vectors/records.json"), "utf8"));
const model = Model.loadSync(join(root, vectors.artifact));

function bits(x) {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, x);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

/** JSON has no number that is not finite: the vectors write it as an object. */
function decoded(record) {
  const words = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  return Object.fromEntries(Object.entries(record).map(([k, v]) => [k, v?.nonfinite ? words[v.nonfinite] : v]));
}

for (const { name, input: written, expected, golden } of vectors.cases) {
  test(name, async () => {
    const input = decoded(written);
    const text = Object.values(input).some((v) => Math.abs(v) === Infinity) ? undefined : JSON.stringify(input);
    if (expected.code !== undefined) {
      const fits = (e) => {
        assert.equal(e.code, expected.code);
        if (expected.columns) assert.deepEqual(e.problems.map((p) => p.column), expected.columns);
        return true;
      };
      assert.throws(() => model.probaOne(input), fits);
      if (text) assert.throws(() => model.probaJson(text), fits);
      await assert.rejects(model.predictProba([input]), fits);
      return;
    }
    const proba = model.probaOne(input);
    if (golden) assert.equal(bits(proba), golden);
    if (expected.like) assert.equal(proba, model.probaOne(decoded(expected.like)));
    if (text) assert.equal(model.probaJson(text), proba);
    assert.equal((await model.predictProba([input]))[0], proba);
    const { warnings } = model.predictOne(input);
    if (expected.warnings) assert.deepEqual(warnings.map((w) => [w.column, w.kind]), expected.warnings);
  });
}
