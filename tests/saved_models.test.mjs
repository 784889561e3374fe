// Models saved in every version of the format score as on their day: the files that saved_models.rs reads too.

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Model } from "../attrition-node/dist/index.mjs";

const folder = join(dirname(fileURLToPath(import.meta.url)), "artifacts");
const versions = readdirSync(folder).filter((name) => /^v\d+$/.test(name));
const files = versions.flatMap((version) => readdirSync(join(folder, version)).map((name) => join(version, name)));
const models = files.filter((name) => name.endsWith(".attrition")).sort();

function bits(x) {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(x);
  return bytes.toString("hex");
}

test("there are saved models", () => {
  assert.ok(models.length > 0);
});

for (const name of models) {
  test(`${name} scores as on its day`, async () => {
    const expected = JSON.parse(readFileSync(join(folder, name.replace(/attrition$/, "json")), "utf8"));
    const model = await Model.load(join(folder, name));
    assert.equal(bits(model.threshold), expected.threshold);
    for (const { record, proba, label } of expected.cases) {
      const one = model.predictOne(record);
      const got = [one.proba, model.probaOne(record), model.probaJson(JSON.stringify(record))];
      assert.deepEqual(got.map(bits), [proba, proba, proba], JSON.stringify(record));
      assert.equal(one.label, label);
    }
    const batch = await model.predictProba(expected.cases.map((c) => c.record));
    assert.deepEqual(Array.from(batch, bits), expected.cases.map((c) => c.proba));
  });
}
