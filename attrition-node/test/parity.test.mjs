// The packer beside JavaScript against the core's record rule, the core's JSON reader and the batch paths: the same bits,
// or the same error.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { Table, train } from "attrition";
import { generator, levels, people, target } from "./data.mjs";

const require = createRequire(import.meta.url);
const native = require("../attrition.node");
const { Cells } = require("../dist/cells.js");
const { shortest } = require("../dist/pack.js");

/** A model that takes the date too: `Hired` is made a feature through the schema. */
async function model() {
  const rows = people(1200);
  const { schema } = await train(rows, { ...target, cv: null, holdout: null });
  for (const field of schema.fields) if (field.name === "Hired") field.role = "feature";
  return train(rows, { schema, learner: "logistic", cv: null, holdout: null, threshold: null });
}

const odd = [
  0, -0, 1, 2, -1, 2.5, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2 ** 53, 2 ** 53 + 2, 0.1 + 0.2, NaN, Infinity, -Infinity,
  0n, 1n, 2n, -(2n ** 63n), 2n ** 63n, 2n ** 64n, 9007199254740993n, 9007199254740992n, 10n ** 400n,
  true, false, null, undefined,
  ...levels, "unseen", "\ud800", "a\udc00b", "2024-05-31", "2024-05-31T12:00:00.5Z", "1700000000000", "Yes", "No", "a", "b",
  new Date(0), new Date("2262-04-11T23:47:16.854Z"), new Date(-1), new Date(NaN), new Date(8.64e15),
  [], [1], {}, { a: 1 }, () => 1, Symbol("s"), new Map(), new Number(1), new String("Yes"),
];

function attempt(f) {
  try {
    return { value: f() };
  } catch (e) {
    assert.ok(e.code?.startsWith("ATTRITION_"), e.stack);
    return { code: e.code, message: e.message };
  }
}

/** The row as JSON text, where JSON can say it. */
function json(row) {
  let possible = true;
  const parts = Object.entries(row).flatMap(([name, value]) => {
    let text;
    if (value === undefined) return [];
    if (typeof value === "bigint") text = String(value);
    else if (typeof value === "number") {
      possible &&= value === value ? Number.isFinite(value) : true;
      text = value === value ? (Object.is(value, -0) ? "-0" : shortest(value)) : "null";
    } else if (value instanceof Date) {
      const time = value.getTime();
      possible &&= name === "Hired" && !(Math.abs(time) > 6e13);
      text = time === time ? JSON.stringify(value) : "null";
    } else if (typeof value === "function" || typeof value === "symbol" || value instanceof Number || value instanceof String) {
      possible = false;
    } else {
      possible &&= typeof value !== "string" || value.isWellFormed();
      text = JSON.stringify(value);
    }
    // JSON has no number as large.
    possible &&= typeof value !== "bigint" || Number.isFinite(Number(value));
    return [`${JSON.stringify(name)}:${text}`];
  });
  return possible ? `{${parts.join(",")}}` : undefined;
}

test("every path gives the same bits or the same error", async () => {
  const m = await model();
  const core = native.Model.fromBytes(m.toBytes());
  const names = core.rowSpec().fields.map((f) => f.name);
  assert.deepEqual(names, ["Age", "Income", "OverTime", "Remote", "Level", "constructor", "toString", "Hired"]);
  const random = generator(99);
  const usual = people(50, 7);
  let scored = 0;
  let refused = 0;
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const row = { ...usual[i % usual.length] };
    for (const name of names) {
      const dice = random();
      if (dice < 0.15) row[name] = odd[Math.floor(random() * odd.length)];
      else if (dice < 0.2) delete row[name];
    }
    const cells = new Cells(names.length);
    names.forEach((name, slot) => cells.set(slot, Object.hasOwn(row, name) ? row[name] : undefined));
    const byRule = attempt(() => core.probaPacked(core.pack(cells.tags, cells.numbers, cells.ints, cells.texts)));
    const fast = attempt(() => m.probaOne(row));
    assert.deepEqual(fast, byRule, json(row));
    const text = json(row);
    if (text !== undefined) {
      assert.deepEqual(attempt(() => m.probaJson(text)), byRule, text);
      read += 1;
    }
    if (i % 10 === 0) {
      if ("value" in byRule) assert.equal((await m.predictProba([row]))[0], byRule.value);
      else await assert.rejects(m.predictProba([row]), { code: byRule.code });
    }
    if ("value" in byRule) scored += 1;
    else refused += 1;
  }
  assert.ok(scored > 3000 && refused > 3000 && read > 5000, `${scored} scored, ${refused} refused, ${read} as JSON`);
});

test("every value in every field", async () => {
  const m = await model();
  const core = native.Model.fromBytes(m.toBytes());
  const names = core.rowSpec().fields.map((f) => f.name);
  for (const [slot, name] of names.entries()) {
    for (const value of odd) {
      const cells = new Cells(names.length);
      cells.set(slot, value);
      const byRule = attempt(() => core.probaPacked(core.pack(cells.tags, cells.numbers, cells.ints, cells.texts)));
      assert.deepEqual(attempt(() => m.probaOne({ [name]: value })), byRule, `${name}: ${String(value)}`);
    }
  }
});

test("rows, columns and tables give the same bits", async () => {
  const rows = people(3000, 3);
  const m = await model();
  const one = rows.map((row) => m.probaOne(row));
  const columns = Object.fromEntries(Object.keys(rows[0]).map((name) => [name, rows.map((row) => row[name])]));
  columns.Age = Int32Array.from(columns.Age);
  columns.Income = Float64Array.from(columns.Income, (x) => x ?? NaN);
  columns.constructor = BigInt64Array.from(columns.constructor, BigInt);
  for (const data of [rows, columns, await Table.from(rows)]) {
    assert.deepEqual(Array.from(await m.predictProba(data)), one);
    assert.deepEqual(Array.from(await m.predictProba(data, { nThreads: 1 })), one);
  }
  const table = await Table.from(rows);
  for (let i = 0; i < 100; i++) assert.equal(m.probaOne(table.row(i)), one[i]);
});

test("what every object inherits is no value, what a class gives is one", async () => {
  const m = await model();
  const bare = m.probaOne({ Age: 30 });
  assert.equal(m.probaOne(Object.assign(Object.create(null), { Age: 30 })), bare);
  class Person {
    get Age() {
      return 30;
    }
  }
  assert.equal(m.probaOne(new Person()), bare);
  assert.equal(m.probaOne(Object.create({ Age: 30 })), bare);
  assert.notEqual(m.probaOne({ Age: 30, constructor: 4 }), bare);
});

test("numbers are written as the core writes them", () => {
  const cases = [
    [1e21, "1000000000000000000000"], [-1.5e21, "-1500000000000000000000"], [1e-7, "0.0000001"], [1.25e-9, "0.00000000125"],
    [123456.789, "123456.789"], [-0, "0"], [5e-324, `0.${"0".repeat(323)}5`], [1.7976931348623157e308, `17976931348623157${"0".repeat(292)}`],
  ];
  for (const [x, text] of cases) assert.equal(shortest(x), text);
});
