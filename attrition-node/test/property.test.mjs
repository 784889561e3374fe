// Properties of the fast row, by random rows: the packer beside JavaScript, the core's record rule and its JSON reader give the
// same bits or refuse with the same words; what is no feature, and how a property is held, changes nothing.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { Model, train } from "attrition";
import { levels, people, target } from "./data.mjs";

const require = createRequire(import.meta.url);
const native = require("../attrition.node");
const { Cells } = require("../dist/cells.js");

const rows = people(1200);
const { schema } = await train(rows, { ...target, cv: null, holdout: null });
for (const field of schema.fields) if (field.name === "Hired") field.role = "feature";
const options = { schema, cv: null, holdout: null, threshold: null };
const models = [
  await train(rows, { ...options, learner: "logistic" }),
  await train(rows, { ...options, learner: "boosting", params: { nTrees: 30 } }),
];
const core = models.map((m) => native.Model.fromBytes(m.toBytes()));
const names = core[0].rowSpec().fields.map((f) => f.name);
const runs = Number(process.env.ATTRITION_PROPERTY_RUNS ?? 1500);

// What people write into fields, and what they should not.
const date = fc.date({ noInvalidDate: false });
const value = fc.oneof(
  { weight: 3, arbitrary: fc.double() },
  { weight: 2, arbitrary: fc.integer({ min: -3, max: 70 }) },
  { weight: 2, arbitrary: fc.constantFrom(...levels, "Yes", "No", "a", "b") },
  { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme" }) },
  { weight: 1, arbitrary: fc.oneof(fc.double(), fc.integer()).map(String) },
  { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }) },
  { weight: 1, arbitrary: fc.bigInt({ min: -3n, max: 70n }) },
  { weight: 2, arbitrary: fc.boolean() },
  { weight: 2, arbitrary: fc.constantFrom(null, undefined, NaN, 0, -0, 1) },
  { weight: 1, arbitrary: date },
  { weight: 1, arbitrary: date.filter((d) => !Number.isNaN(d.getTime())).map((d) => d.toISOString()) },
  { weight: 1, arbitrary: fc.constantFrom([], {}, [1], { a: 1 }, new Map(), Symbol("s"), () => 1, new Number(1), new String("Yes")) },
);
/** A usual row with some fields replaced, which is what comes in, or a row of anything. */
const usual = fc.nat({ max: rows.length - 1 }).map((i) => rows[i]);
const some = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4, noNullPrototype: true });
const row = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(usual, some).map(([a, b]) => ({ ...a, ...b })) },
  { weight: 1, arbitrary: fc.dictionary(fc.constantFrom(...names), value, { noNullPrototype: true }) },
);

function attempt(f) {
  try {
    return { value: f() };
  } catch (e) {
    assert.ok(e instanceof Error && e.code?.startsWith("ATTRITION_"), e.stack);
    return { code: e.code, message: e.message };
  }
}

/** The record rule itself, in Rust, on the row's own values. */
function byRule(k, row) {
  const cells = new Cells(names.length);
  names.forEach((name, slot) => cells.set(slot, Object.hasOwn(row, name) ? row[name] : undefined));
  return attempt(() => core[k].probaPacked(core[k].pack(cells.tags, cells.numbers, cells.ints, cells.texts)));
}

const check = (property) => fc.assert(property, { numRuns: runs });

test("the packed path is the record rule, to the last bit and word", () => {
  check(fc.property(row, (row) => models.forEach((m, k) => assert.deepEqual(attempt(() => m.probaOne(row)), byRule(k, row)))));
});

test("JSON says the same, where JSON can say it", () => {
  const sayable = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.integer({ min: -3, max: 70 }),
    fc.constantFrom(...levels, "Yes", "No", "a", "b", null, true, false),
    fc.string({ unit: "grapheme" }),
    fc.date({ noInvalidDate: true, min: new Date("1700-01-01"), max: new Date("2261-01-01") }).map((d) => d.toISOString()),
    fc.constantFrom([], {}, [1], { a: 1 }),
  );
  const record = fc.tuple(usual, fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), sayable, { noNullPrototype: true }));
  check(
    fc.property(record, ([a, b]) => {
      const row = { ...a, Hired: a.Hired.toISOString(), ...b };
      const text = JSON.stringify(row);
      models.forEach((m) => {
        const parsed = attempt(() => m.probaOne(JSON.parse(text)));
        assert.deepEqual(attempt(() => m.probaJson(text)), parsed);
        assert.deepEqual(attempt(() => m.probaJson(Buffer.from(text))), parsed);
      });
    }),
  );
});

test("unknown fields, their order and how a property is held change nothing", () => {
  const strangers = fc.dictionary(fc.string().filter((name) => !names.includes(name)), fc.anything(), { noNullPrototype: true });
  check(
    fc.property(row, strangers, (row, more) => {
      const m = models[0];
      const expected = attempt(() => m.probaOne(row));
      const same = (other) => assert.deepEqual(attempt(() => m.probaOne(other)), expected);
      same({ ...more, ...row });
      same(Object.fromEntries(Object.entries(row).reverse()));
      same(Object.assign(Object.create(null), row));
      same(Object.freeze({ ...row }));
      same(new Proxy(row, {}));
      same(Object.defineProperties({}, Object.fromEntries(Object.entries(row).map(([k, v]) => [k, { get: () => v }]))));
      // Under a name that every object inherits only the row's own property counts.
      const { constructor: _c, toString: _t, ...plain } = row;
      const own = attempt(() => m.probaOne(plain));
      assert.deepEqual(attempt(() => m.probaOne(Object.create(row))), own);
      class Person {}
      for (const [name, v] of Object.entries(plain)) Object.defineProperty(Person.prototype, name, { get: () => v });
      assert.deepEqual(attempt(() => m.probaOne(new Person())), own);
    }),
  );
});

test("a row alone, in a batch, as columns, at any place: the same bits", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 8 }), fc.nat(2), async (many, seed) => {
      const m = models[seed % models.length];
      const one = many.map((row) => attempt(() => m.probaOne(row)));
      const bad = one.findIndex((x) => "code" in x);
      if (bad >= 0) {
        await assert.rejects(m.predictProba(many), (e) => e.code === one[bad].code && e.problems.every((p) => p.row === bad));
      } else {
        assert.deepEqual(Array.from(await m.predictProba(many)), one.map((x) => x.value));
        assert.deepEqual(Array.from(await m.predictProba(many.toReversed())), one.map((x) => x.value).reverse());
        assert.deepEqual(many.map((row) => m.predictOne(row).proba), one.map((x) => x.value));
      }
    }),
    { numRuns: Math.ceil(runs / 4) },
  );
});

test("what a getter throws comes through, and the next row is scored as ever", () => {
  const m = models[0];
  const before = m.probaOne(rows[0]);
  const boom = new RangeError("boom");
  const trap = Object.defineProperty({ ...rows[1] }, "Income", { get: () => { throw boom; } });
  assert.throws(() => m.probaOne(trap), (e) => e === boom);
  assert.equal(m.probaOne(rows[0]), before);
  const within = Object.defineProperty({ ...rows[0] }, "Income", { get: () => (m.probaOne(rows[5]), rows[0].Income) });
  assert.equal(m.probaOne(within), before);
  assert.equal(Model.fromBytes(m.toBytes()).probaOne(rows[0]), before);
});
