// Profiles: parts in any order are the whole, to the last byte, and the bytes are the same in every language.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { datasets, drift, scanParquet, Source, Table } from "attrition";
import { root } from "./shared.mjs";

const { Profile } = drift;
const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));

for (const { name, input, golden } of JSON.parse(readFileSync(join(root, "tests/vectors/profile.json"), "utf8")).cases) {
  test(`bytes are those of every language: ${name}`, async () => {
    if (input.employees) {
      const table = await datasets.employees({ nRows: input.employees.n_rows, seed: input.employees.seed });
      const bytes = (await Profile.of(table)).toBytes();
      assert.equal(createHash("sha256").update(bytes).digest("hex"), golden);
      return;
    }
    assert.equal((await Profile.of(input.columns)).toBytes().toString(), golden);
    assert.equal(Profile.fromBytes(Buffer.from(golden)).toBytes().toString(), golden);
  });
}

const rows = Array.from({ length: 900 }, (_, i) => ({ x: i % 7 === 0 ? null : (i * 7919) % 1009, s: "abc"[i % 3], b: i % 2 === 0 }));
const part = (k) => rows.filter((_, i) => i % 3 === k);

test("parts in any order are the whole", async () => {
  const whole = (await Profile.of(rows)).toBytes();
  const of = async (k) => Profile.of(part(k));
  assert.deepEqual((await of(0)).merge(await of(1)).merge(await of(2)).toBytes(), whole);
  assert.deepEqual((await of(2)).merge((await of(1)).merge(await of(0))).toBytes(), whole);
  const grown = await of(0);
  assert.equal(await grown.update(part(1)), grown);
  await grown.update(Source.from([part(2)]));
  assert.deepEqual(grown.toBytes(), whole);
  const path = join(folder, "rows.parquet");
  await (await Table.from(rows)).writeParquet(path);
  assert.deepEqual((await Profile.of(await scanParquet(path, { batchRows: 100 }))).toBytes(), whole);
  const twice = Profile.fromBytes(whole);
  assert.equal(twice.merge(twice).nRows, 1800);
});

test("what it knows is told in plain values", async () => {
  const profile = await Profile.of(rows);
  assert.deepEqual([profile.nRows, profile.names], [900, ["b", "s", "x"]]);
  const { nRows, columns } = profile.toDict();
  const x = rows.map((r) => r.x).filter((v) => v !== null);
  assert.deepEqual([nRows, columns.x.kind, columns.x.nMissing, columns.x.min, columns.x.max], [900, "number", 129, Math.min(...x), Math.max(...x)]);
  assert.ok(Math.abs(columns.x.mean - x.reduce((a, b) => a + b) / x.length) < 1e-9);
  assert.deepEqual(columns.s, { kind: "category", nMissing: 0, missingRate: 0, levels: { a: 300, b: 300, c: 300 }, nOther: 0 });
  assert.deepEqual(columns.b.levels, { false: 450, true: 450 });
});

test("wrong input is a clear error and changes nothing", async () => {
  const profile = await Profile.of(rows);
  const before = profile.toBytes();
  const is = (code, message) => ({ code: `ATTRITION_${code}`, message });
  async function* halfway() {
    yield part(0);
    throw new RangeError("halfway");
  }
  await assert.rejects(profile.update([{ x: "a", s: "a", b: true }]), is("INVALID_DATA", /column `x`: got strings, expected numbers/));
  await assert.rejects(profile.update([{ x: 1, s: "a" }]), is("NOT_FOUND", /`b`/));
  await assert.rejects(profile.update(Source.from(halfway())), RangeError);
  await assert.rejects(profile.update(Source.from([])), is("INVALID_DATA", /no batch/));
  await assert.rejects(profile.update(5), is("INVALID_DATA", /number/));
  await assert.rejects(profile.update(rows, { signal: AbortSignal.abort() }), { code: "ATTRITION_CANCELLED", name: "AbortError" });
  assert.throws(() => profile.merge({}), is("INVALID_DATA", /expected a Profile/));
  const other = await Profile.of([{ x: 1 }]);
  assert.throws(() => profile.merge(other), is("NOT_FOUND", /./));
  for (const bytes of ["", "{}", "\u0000", before.toString().replace('"rows":900', '"rows":901')]) {
    assert.throws(() => Profile.fromBytes(Buffer.from(bytes)), is("ARTIFACT", /cannot be read/));
  }
  assert.deepEqual(profile.toBytes(), before);
});
