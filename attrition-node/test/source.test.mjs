// Files and batches: what is written is read back, whole and in batches.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  crossValidate,
  datasets,
  readCsv,
  readIpc,
  readJson,
  readNdjson,
  readParquet,
  scanCsv,
  scanParquet,
  Source,
  Table,
  train,
} from "attrition";

const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name) => join(folder, name);

const columns = {
  f: [1.5, null, 1e-300, Infinity],
  i: [1n, null, 2n ** 62n, -3n],
  b: [true, null, false, true],
  s: ['ä, "b"\nc', null, "日本", "x"],
  t: [new Date("2024-05-31"), null, new Date("1969-12-31T23:59:59.999Z"), new Date(0)],
  gap: [null, null, null, null],
};

function contents(table) {
  return { types: table.types, columns: table.columns.map((name) => [name, table.column(name)]) };
}

test("what is written is read back whole and in batches", async () => {
  const table = await Table.from(columns);
  for (const name of ["t.csv", "t.csv.gz"]) {
    await table.writeCsv(file(name));
    assert.deepEqual(contents(await readCsv(file(name))), contents(table));
    assert.deepEqual(contents(await (await scanCsv(file(name))).collect()), contents(table));
  }
  await table.writeParquet(file("t.parquet"));
  assert.deepEqual(contents(await readParquet(file("t.parquet"))), contents(table));
  const source = await scanParquet(file("t.parquet"), { columns: ["s", "f"], batchRows: 3 });
  for (let pass = 0; pass < 2; pass++) {
    const sizes = [];
    for await (const batch of source) {
      assert.deepEqual(batch.columns, ["s", "f"]);
      sizes.push(batch.nRows);
    }
    assert.deepEqual(sizes, [3, 1], "a file is read from the start again");
  }
  assert.deepEqual((await source.collect()).column("s"), columns.s);
  assert.deepEqual(readdirSync(folder).filter((name) => name.endsWith(".tmp")), []);
});

test("JSON and NDJSON are read, gzipped or not", async () => {
  const rows = [{ a: 1, b: "x" }, { a: 2.5 }, { b: null }];
  const lines = rows.map((row) => JSON.stringify(row)).join("\n");
  for (const pack of [(text) => text, gzipSync]) {
    writeFileSync(file("rows"), pack(lines));
    assert.deepEqual((await readNdjson(file("rows"))).column("a"), [1, 2.5, null]);
    writeFileSync(file("rows"), pack(JSON.stringify(rows)));
    assert.deepEqual((await readJson(file("rows"))).column("b"), ["x", null, null]);
  }
});

test("a scan finds types over the whole file", async () => {
  writeFileSync(file("late.csv"), `a,b\n${"1,2\n".repeat(100_000)}x,2.5\n`);
  const types = [];
  const events = [];
  const source = await scanCsv(file("late.csv"), { onProgress: (event) => events.push(event) });
  for await (const batch of source) types.push(batch.types.join());
  assert.ok(types.length > 1 && types.every((t) => t === "string,float"), types.join(" "));
  assert.equal((await source.collect()).nRows, 100_001);
  await assert.rejects(source.collect({ signal: AbortSignal.abort() }), { code: "ATTRITION_CANCELLED" });
});

test("iterables of tables are sources", async () => {
  const batches = () => [{ a: [1, 2], b: ["x", null] }, [{ a: 0.5, b: "y" }]];
  assert.deepEqual((await Source.from(batches()).collect()).column("a"), [1, 2, 0.5]);
  async function* generate() {
    yield* batches();
    throw new RangeError("halfway");
  }
  const seen = [];
  await assert.rejects(async () => {
    for await (const table of Source.from(generate())) seen.push(table.nRows);
  }, RangeError);
  assert.deepEqual(seen, [2, 1]);
  await assert.rejects(Source.from(generate()).collect(), RangeError);
  for (const [second, message] of [
    [{ c: [1] }, /batch 1 with columns c/],
    [{ a: ["x"], b: ["x"] }, /column `a`: got batch 1 with a string column/],
  ]) {
    const source = Source.from([batches()[0], second]);
    await assert.rejects(source.collect(), { code: "ATTRITION_INVALID_DATA", message });
    await assert.rejects(Array.fromAsync?.(source) ?? source.collect(), { code: "ATTRITION_INVALID_DATA", message });
  }
  await assert.rejects(Source.from([]).collect(), /no batch/);
  assert.throws(() => Source.from(5), { code: "ATTRITION_INVALID_DATA" });
});

test("bad files are clear errors", async () => {
  await (await Table.from(columns)).writeParquet(file("bad.parquet"));
  await assert.rejects(readParquet(file("bad.parquet"), { columns: ["salary"] }), /salary/);
  await assert.rejects(scanParquet(file("bad.parquet"), { batchRows: 0 }), { code: "ATTRITION_INVALID_PARAM" });
  await assert.rejects(readParquet(file("bad.parquet"), { colums: [] }), { code: "ATTRITION_INVALID_PARAM" });
  writeFileSync(file("bad.parquet"), readFileSync(file("bad.parquet")).subarray(0, -20));
  for (const read of [readParquet, scanParquet]) {
    await assert.rejects(read(file("bad.parquet")), { code: "ATTRITION_INVALID_DATA", message: /bad\.parquet/ });
  }
  writeFileSync(file("bad.csv.gz"), gzipSync(`a,b\n${"1,2\n".repeat(1000)}`).subarray(0, -12));
  for (const read of [readCsv, scanCsv]) await assert.rejects(read(file("bad.csv.gz")), { message: /gzip/ });
  writeFileSync(file("bad.ndjson"), '{"a": 1}\n{"a": }\n');
  await assert.rejects(readNdjson(file("bad.ndjson")), { code: "ATTRITION_INVALID_DATA", message: /line 2/ });
  await assert.rejects(readIpc(file("bad.ndjson")), { code: "ATTRITION_INVALID_DATA", message: /Arrow IPC/ });
  for (const read of [readParquet, readIpc, readJson, readNdjson, scanCsv, scanParquet]) {
    await assert.rejects(read(file("none")), { code: "ATTRITION_IO" });
  }
  const table = await Table.from(columns);
  await assert.rejects(table.writeCsv(file("none/t.csv")), { code: "ATTRITION_IO" });
  await assert.rejects(table.writeParquet(file("none/t.parquet")), { code: "ATTRITION_IO" });
});

test("models take sources", async () => {
  const table = await datasets.employees({ nRows: 600, seed: 1 });
  const path = file("employees.parquet");
  await table.writeParquet(path);
  const options = { target: "Attrition", positive: "Yes", learner: "logistic", cv: 2 };
  const model = await train(table, options);
  const scan = await scanParquet(path, { batchRows: 100 });
  assert.equal((await train(scan, options)).digest, model.digest);
  const expected = await model.predictProba(table);
  assert.deepEqual(await model.predictProba(scan), expected);
  assert.deepEqual(await model.predictProba(Source.from(scan)), expected);
  async function* broken() {
    yield* Source.from([await readParquet(path)]);
    throw new RangeError("the line is dead");
  }
  await assert.rejects(model.predictProba(Source.from(broken())), RangeError);
  await assert.rejects(train(Source.from(broken()), options), RangeError);
});

test("a source is trained on from the disk", async () => {
  const temporary = mkdtempSync(join(tmpdir(), "attrition-"));
  const before = process.env.TMPDIR;
  async function* many(n) {
    for (let k = 0; k < n; k++) {
      assert.ok(process.platform === "win32" || readdirSync(temporary).length === 0, "no file has a name");
      const columns = {};
      for (let j = 0; j < 9; j++) {
        columns[`x${j}`] = Float64Array.from({ length: 10_000 }, (_, i) => ((i + 10_000 * k) * (7919 + 2 * j)) % 10_007);
      }
      yield { ...columns, y: Float64Array.from(columns.x0, (x, i) => Number(x + columns.x1[i] / 2 > 11_000)) };
    }
  }
  const exclude = Array.from({ length: 7 }, (_, j) => `x${j + 2}`);
  const options = { target: "y", learner: "logistic", exclude, cv: null };
  try {
    process.env.TMPDIR = temporary;
    const whole = await Source.from(many(30)).collect();
    const model = await train(whole, options);
    assert.equal((await train(Source.from(many(30)), options)).digest, model.digest);
    const path = file("many.parquet");
    await whole.writeParquet(path);
    const events = [];
    const scan = await scanParquet(path);
    assert.equal((await train(scan, { ...options, onProgress: (event) => events.push(event) })).digest, model.digest);
    assert.ok(events.some(({ stage, done }) => stage === "scan_parquet" && done > 200_000));
    const folds = { ...options, cv: 2 };
    const cv = await crossValidate(Source.from(many(30)), folds);
    assert.deepEqual(cv.predictions, (await crossValidate(whole, folds)).predictions);
    const stop = new AbortController();
    const onProgress = ({ done }) => done > 200_000 && stop.abort();
    await assert.rejects(train(scan, { ...options, onProgress, signal: stop.signal }), { code: "ATTRITION_CANCELLED" });
    assert.deepEqual(readdirSync(temporary), []);
    process.env.TMPDIR = join(temporary, "missing");
    await train(Source.from(many(2)), options);
    await assert.rejects(train(Source.from(many(30)), options), { code: "ATTRITION_IO", message: /missing.*TMPDIR/ });
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
    rmSync(temporary, { recursive: true });
  }
});
