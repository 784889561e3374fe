// Arrow in every form: bytes, files, tables of apache-arrow of several majors. They are the same table.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as arrow from "apache-arrow";
import * as arrow11 from "apache-arrow-11";
import { Table, train } from "attrition";
import { people, target } from "./data.mjs";

const majors = [["apache-arrow 21", arrow], ["apache-arrow 11", arrow11]];

/** Columns of every type that a model knows, with gaps and without, in two batches. */
function table(a) {
  const { vectorFromArray, makeVector } = a;
  const batch = (shift) =>
    new a.Table({
      whole: makeVector(Int32Array.from([1, 2, 3 + shift])),
      small: makeVector(Uint8Array.from([7, 8, 9])),
      big: makeVector(BigInt64Array.from([1n, 2n ** 60n, -3n])),
      real: makeVector(Float64Array.from([0.5, NaN, -1e300])),
      single: makeVector(Float32Array.from([0.5, 1.5, 2.5])),
      gaps: vectorFromArray([1.5, null, 2.5], new a.Float64()),
      wholeGaps: vectorFromArray([null, 2, 3], new a.Int32()),
      text: vectorFromArray(["ä", null, "😀"], new a.Utf8()),
      level: vectorFromArray(["x", "y", null], new a.Dictionary(new a.Utf8(), new a.Int32())),
      bool: vectorFromArray([true, null, false], new a.Bool()),
      day: vectorFromArray([new Date("2024-05-31"), null, new Date(0)], new a.DateDay()),
      instant: vectorFromArray([new Date("2024-05-31T12:00:00.123Z"), null, new Date(1)], new a.TimestampMillisecond()),
    });
  return batch(0).concat(batch(1));
}

const contents = (t) => t.columns.map((name, i) => [name, t.types[i], t.column(name)]);

for (const [name, a] of majors) {
  test(`tables of ${name}`, async () => {
    const expected = contents(
      await Table.from({
        whole: [1, 2, 3, 1, 2, 4],
        small: [7, 8, 9, 7, 8, 9],
        big: [1n, 2n ** 60n, -3n, 1n, 2n ** 60n, -3n],
        real: [0.5, null, -1e300, 0.5, null, -1e300],
        single: [0.5, 1.5, 2.5, 0.5, 1.5, 2.5],
        gaps: [1.5, null, 2.5, 1.5, null, 2.5],
        wholeGaps: [null, 2, 3, null, 2, 3],
        text: ["ä", null, "😀", "ä", null, "😀"],
        level: ["x", "y", null, "x", "y", null],
        bool: [true, null, false, true, null, false],
        day: [new Date("2024-05-31"), null, new Date(0), new Date("2024-05-31"), null, new Date(0)],
        instant: [new Date("2024-05-31T12:00:00.123Z"), null, new Date(1), new Date("2024-05-31T12:00:00.123Z"), null, new Date(1)],
      }),
    );
    const given = table(a);
    assert.deepEqual(contents(await Table.from(given)), expected);
    const part = contents(await Table.from(given.slice(1, 5)));
    assert.deepEqual(part, expected.map(([n, type, values]) => [n, type, values.slice(1, 5)]));
  });

  test(`${name} reads what toIpc writes, and writes what is read`, async () => {
    const rows = people(300).map((row, i) => ({ ...row, Born: new Date(-i * 1e9) }));
    const t = await Table.from(rows);
    const bytes = await t.toIpc();
    const theirs = a.tableFromIPC(bytes);
    assert.equal(theirs.numRows, 300);
    assert.deepEqual(contents(await Table.from(theirs)), contents(t));
    for (const format of ["stream", "file"]) {
      const back = a.tableToIPC(theirs, format);
      assert.deepEqual(contents(await Table.from(back)), contents(t), format);
    }
    assert.deepEqual(contents(await Table.from(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))), contents(t));
  });
}

test("microseconds of an instant survive", async () => {
  const values = arrow.makeData({ type: new arrow.TimestampMicrosecond(), data: BigInt64Array.from([1717156800123456n, -1n]) });
  const t = await Table.from(new arrow.Table({ t: arrow.makeVector(values) }));
  assert.deepEqual(t.column("t"), ["2024-05-31T12:00:00.123456Z", "1969-12-31T23:59:59.999999Z"]);
});

test("models are trained on Arrow data and score it, as any other", async () => {
  const rows = people(900);
  const m = await train(rows, { ...target, cv: null });
  const bytes = await (await Table.from(rows)).toIpc();
  const theirs = arrow.tableFromIPC(bytes);
  assert.equal((await train(theirs, { ...target, cv: null })).digest, m.digest);
  assert.equal((await train(bytes, { ...target, cv: null })).digest, m.digest);
  const expected = await m.predictProba(rows);
  for (const data of [bytes, theirs]) {
    assert.deepEqual(await m.predictProba(data), expected);
    assert.equal((await m.evaluate(data)).n, 900);
  }
});

test("what has no place in a table is refused by column", async () => {
  const list = new arrow.List(new arrow.Field("item", new arrow.Int32()));
  const lists = new arrow.Table({ a: arrow.makeVector(Int32Array.from([1, 2])), l: arrow.vectorFromArray([[1], [2, 3]], list) });
  const code = "ATTRITION_INVALID_DATA";
  await assert.rejects(Table.from(lists), { code, column: "l" });
  await assert.rejects(Table.from(arrow.tableToIPC(lists)), { code });
  for (const bytes of [new Uint8Array(), Buffer.from("not Arrow"), arrow.tableToIPC(table(arrow)).subarray(0, 300), new ArrayBuffer(8)]) {
    await assert.rejects(Table.from(bytes), { code, message: /Arrow/ });
  }
  await assert.rejects(Table.from(new Float64Array(3)), { code, message: /got Float64Array/ });
});
