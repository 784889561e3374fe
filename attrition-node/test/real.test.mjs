// Real tables, with gaps and levels that training never saw: one row, many rows, columns and JSON give the same bits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { readCsv, Table, train } from "attrition";
import { generator } from "./data.mjs";
import { shared } from "./shared.mjs";

const sets = [
  ["ibm_hr_attrition.csv", { target: "Attrition", positive: "Yes", id: "EmployeeNumber" }],
  ["hr_comma_sep.csv", { target: "left", positive: 1 }],
  ["adult.csv", { target: "income", positive: ">50K" }],
];

for (const [file, options] of sets) {
  test(file, async (t) => {
    const path = shared(t, `data/${file}`);
    if (!path) return;
    const table = await readCsv(path);
    const model = await train(table, { ...options, cv: null, holdout: null });
    const random = generator(11);
    const n = Math.min(table.nRows, 10_000);
    const rows = Array.from({ length: n }, (_, i) => table.row(i));
    const whole = rows.map((row) => model.probaOne(row));
    assert.deepEqual(Array.from((await model.predictProba(table)).subarray(0, n)), whole);

    const levels = new Set(model.schema.fields.filter((f) => f.kind === "category").map((f) => f.name));
    for (const row of rows) {
      for (const name of Object.keys(row)) {
        const dice = random();
        if (dice < 0.05) row[name] = null;
        else if (dice < 0.07) delete row[name];
        else if (dice < 0.1 && levels.has(name)) row[name] = "never seen";
      }
    }
    const one = rows.map((row) => model.probaOne(row));
    assert.ok(one.filter((p, i) => p !== whole[i]).length > n / 4);
    assert.deepEqual(rows.map((row) => model.probaJson(JSON.stringify(row))), one);
    assert.deepEqual(Array.from(await model.predictProba(rows)), one);
    assert.deepEqual(Array.from(await model.predictProba(await Table.from(rows))), one);
    assert.equal(model.predictOne(rows[0]).proba, one[0]);
  });
}
