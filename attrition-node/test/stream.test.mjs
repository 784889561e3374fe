// Batches as they come: any async iterable of tables is scored piece by piece.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import { crossValidate, Source, Table, train } from "attrition";
import { people, target } from "./data.mjs";

const rows = people(1200);
const model = await train(rows, { ...target, cv: null });
const expected = await model.predictProba(rows);
const parts = (size) => Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => rows.slice(i * size, (i + 1) * size));
const columns = (part) => Object.fromEntries(Object.keys(rows[0]).map((name) => [name, part.map((row) => row[name])]));

async function* batches(size, as = (part) => part) {
  for (const part of parts(size)) yield as(part);
}

test("async iterables of rows, columns, tables and Arrow bytes score as the whole", async () => {
  for (const as of [(p) => p, columns, (p) => Table.from(p), async (p) => (await Table.from(p)).toIpc()]) {
    assert.deepEqual(await model.predictProba(batches(500, as)), expected);
  }
  assert.deepEqual(await model.predictProba(Source.from(batches(100))), expected);
  assert.deepEqual(await model.predictProba(Readable.from(parts(300))), expected);
  assert.deepEqual((await model.predict(batches(500))).length, rows.length);
  assert.equal((await model.predictProba(batches(500, () => []))).length, 0);
});

test("the next batch is asked for when the scores of the last one were taken", async () => {
  let asked = 0;
  async function* endless() {
    for (;;) {
      asked += 1;
      yield rows.slice(0, 10);
    }
  }
  const done = [];
  let n = 0;
  for await (const scores of model.predictProbaBatches(endless(), { onProgress: (e) => done.push(e.done) })) {
    assert.deepEqual(scores, expected.subarray(0, 10));
    n += 1;
    assert.equal(asked, n);
    if (n === 5) break;
  }
  assert.deepEqual(done, [10, 20, 30, 40, 50]);
});

test("rows in errors are counted over all batches, and the iterable is closed", async () => {
  let closed = false;
  async function* bad() {
    try {
      yield rows.slice(0, 7);
      yield [rows[0], { Age: "old" }];
    } finally {
      closed = true;
    }
  }
  await assert.rejects(model.predictProba(bad()), { code: "ATTRITION_SCHEMA_MISMATCH", row: 8, column: "Age" });
  assert.ok(closed);
  async function* single() {
    yield rows[0];
  }
  await assert.rejects(model.predictProba(single()), { code: "ATTRITION_INVALID_DATA", message: /array of objects/ });
});

test("a signal stops a stream", async () => {
  const controller = new AbortController();
  async function* endless() {
    for (;;) {
      yield rows.slice(0, 100);
      controller.abort("enough");
    }
  }
  await assert.rejects(model.predictProba(endless(), { signal: controller.signal }), { name: "AbortError", cause: "enough" });
});

test("models are trained on async iterables", async () => {
  const options = { ...target, cv: 3 };
  assert.equal((await train(batches(500), options)).digest, (await train(rows, options)).digest);
  assert.deepEqual(await crossValidate(batches(700), options), await crossValidate(rows, options));
});

test("many rows and columns are scored piece by piece, equal to the whole and to one row", async () => {
  const n = 150_000;
  const of = (f) => Float64Array.from({ length: n }, (_, i) => f(i));
  const wide = Object.fromEntries(Array.from({ length: 20 }, (_, k) => [`x${k}`, of((i) => ((i * 7919 + k * 104_729) % 1013) / 10)]));
  wide.x1 = Int32Array.from(wide.x1);
  wide.x2 = BigInt64Array.from(wide.x2, (x) => BigInt(Math.floor(x)));
  wide.x3[5] = NaN;
  const table = await Table.from({ ...wide, y: of((i) => Number(wide.x0[i] + wide.x4[i] > 100)) });
  const m = await train(table, { target: "y", learner: "logistic", cv: null, holdout: null });
  const whole = await m.predictProba(table);
  const events = [];
  assert.deepEqual(await m.predictProba(wide, { onProgress: (e) => events.push(e) }), whole);
  assert.ok(events.length > 1 && events.every((e, i) => e.total === n && e.done > (events[i - 1]?.done ?? 0)), JSON.stringify(events));
  assert.equal(events.at(-1).done, n);
  const row = (i) => Object.fromEntries(Object.entries(wide).map(([name, column]) => [name, column[i]]));
  const some = Array.from({ length: 30_000 }, (_, i) => row(i * 5));
  assert.deepEqual(await m.predictProba(some), Float64Array.from(some, (_, i) => whole[i * 5]));
  assert.deepEqual(some.map((r) => m.probaOne(r)), Array.from(some, (_, i) => whole[i * 5]));

  wide.x4[140_001] = Infinity;
  await assert.rejects(m.predictProba(wide), { code: "ATTRITION_SCHEMA_MISMATCH", row: 140_001, column: "x4" });
  some[29_999] = { ...some[29_999], x4: -Infinity };
  await assert.rejects(m.predictProba(some), { code: "ATTRITION_SCHEMA_MISMATCH", row: 29_999, column: "x4" });
  const stop = new AbortController();
  const stopped = m.predictProba(some, { signal: stop.signal, onProgress: () => stop.abort() });
  await assert.rejects(stopped, { code: "ATTRITION_CANCELLED" });
  const boom = new RangeError("boom");
  const thrown = m.predictProba(wide, { onProgress: () => { throw boom; } });
  await assert.rejects(thrown, (e) => e === boom);
  const { x0, ...fewer } = wide;
  assert.ok(x0);
  await assert.rejects(m.predictProba(fewer), { code: "ATTRITION_SCHEMA_MISMATCH", column: "x0" });
  await assert.rejects(m.predictProba({ ...fewer, x0: new Float64Array(3) }), { code: "ATTRITION_INVALID_DATA" });
});
