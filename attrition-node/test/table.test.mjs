import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readCsv, Table } from "attrition";

test("rows become typed columns; absent, null, undefined, NaN and an invalid Date are one gap", async () => {
  const date = new Date("2024-05-31T12:00:00.123Z");
  const table = await Table.from([
    { n: 1.5, s: "x", b: true, d: date, i: 2n ** 60n },
    { n: NaN, s: null, b: undefined, d: new Date(NaN) },
    { late: 1 },
  ]);
  assert.equal(table.nRows, 3);
  assert.deepEqual(table.columns, ["n", "s", "b", "d", "i", "late"]);
  assert.deepEqual(table.types, ["float", "string", "bool", "time", "int", "float"]);
  assert.deepEqual(table.row(0), { n: 1.5, s: "x", b: true, d: "2024-05-31T12:00:00.123Z", i: 2n ** 60n, late: null });
  for (const name of table.columns.slice(0, 5)) assert.deepEqual(table.column(name, 1, 3), [null, null], name);
});

test("columns come as arrays and typed arrays of any kind", async () => {
  const numbers = [1, 2, 3];
  const arrays = {};
  for (const type of [Float64Array, Float32Array, Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array]) {
    arrays[type.name] = type.from(numbers);
  }
  arrays.plain = numbers;
  arrays.big = BigInt64Array.from([1n, 2n, 3n]);
  arrays.ubig = BigUint64Array.from([1n, 2n, 3n]);
  const table = await Table.from(arrays);
  for (const name of table.columns) assert.deepEqual(table.column(name), numbers, name);
});

test("strings survive as they are", async () => {
  const strings = ["", "ä", "日本", "😀", "a\u0000b", "ä"];
  assert.deepEqual((await Table.from({ s: strings })).column("s"), strings);
});

test("numbers and BigInts go together; strings that all are dates are instants, as in JSON and CSV", async () => {
  const table = await Table.from({ a: [1.5, 2n, null], b: [1n, null, 2n], c: ["2024-05-31", null, "2024-05-31T12:00:00Z"] });
  assert.deepEqual(table.types, ["float", "int", "time"]);
  assert.deepEqual([table.column("a"), table.column("b")], [[1.5, 2, null], [1, null, 2]]);
});

test("bad data is refused by place", async () => {
  const cases = [
    [[{ a: 1 }, { a: "x" }], { row: 1, column: "a" }],
    [{ a: [1], b: [2, 3] }, { column: "b" }],
    [{ a: [{}] }, { row: 0, column: "a" }],
    [{ a: [1, null, []] }, { row: 2, column: "a" }],
    [{ a: [new Date(0), true] }, { row: 1, column: "a" }],
    [{ a: [1, true] }, { row: 1, column: "a" }],
    [{ a: 5 }, { column: "a" }],
    [[null], { row: 0 }],
    [5, {}],
    [null, {}],
  ];
  for (const [data, place] of cases) {
    await assert.rejects(Table.from(data), { code: "ATTRITION_INVALID_DATA", ...place });
  }
});

test("encoding many rows lets the event loop turn", async () => {
  const rows = Array.from({ length: 60_000 }, (_, i) => ({ a: i, b: `level ${i % 7}`, c: i % 2 === 0, d: i / 3 }));
  let turns = 0;
  let turning = true;
  const turn = () => {
    turns += 1;
    if (turning) setImmediate(turn);
  };
  setImmediate(turn);
  const table = await Table.from(rows);
  turning = false;
  assert.equal(table.nRows, rows.length);
  assert.ok(turns > 2, `${turns} turns`);
});

test("a CSV file is read off the event loop, and refused by line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "attrition-"));
  try {
    const path = join(folder, "a.csv");
    writeFileSync(path, "Name;Age;Left\nA;41;true\nB;;false\n");
    const table = await readCsv(path, { delimiter: ";" });
    assert.deepEqual(table.types, ["string", "int", "bool"]);
    assert.deepEqual(table.row(1), { Name: "B", Age: null, Left: false });
    assert.deepEqual((await readCsv(path, { delimiter: ";", text: ["Age"] })).types, ["string", "string", "bool"]);
    writeFileSync(path, "a,b\n1,2\n1,2,3\n");
    await assert.rejects(readCsv(path), { code: "ATTRITION_INVALID_DATA", line: 3 });
    await assert.rejects(readCsv(path, { delimeter: ";" }), { code: "ATTRITION_INVALID_PARAM" });
    await assert.rejects(readCsv(join(folder, "absent.csv")), { code: "ATTRITION_IO", errno: 2 });
    await assert.rejects(readCsv(path, { signal: AbortSignal.abort() }), { code: "ATTRITION_CANCELLED" });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a column may have any name", async () => {
  const table = await Table.from({ ["__proto__"]: [1], constructor: [2], "": [3] });
  assert.deepEqual(table.columns, ["__proto__", "constructor", ""]);
  const row = table.row(0);
  assert.equal(Object.getPrototypeOf(row), Object.prototype);
  assert.deepEqual(Object.entries(row), [["__proto__", 1], ["constructor", 2], ["", 3]]);
});
