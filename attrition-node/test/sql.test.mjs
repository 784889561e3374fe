import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

import { readSql, scanSql } from "attrition";

import { root } from "./shared.mjs";

const staff = `sqlite:///${join(root, "tests", "databases", "staff.db")}`;

/** The URL of a server; `make test` starts one. */
function postgres(t) {
  const url = process.env.ATTRITION_TEST_POSTGRES;
  if (url) return url;
  if (process.env.ATTRITION_REQUIRE_POSTGRES === "1") throw new Error("no URL in ATTRITION_TEST_POSTGRES");
  t.skip("no URL in ATTRITION_TEST_POSTGRES (run by scripts/postgres.sh)");
  return undefined;
}

test("a table and a query of SQLite", async () => {
  const table = await readSql("staff", staff);
  assert.deepEqual(table.columns, ["name", "age", "pay", "active", "joined", "note"]);
  assert.deepEqual(table.types, ["string", "int", "float", "bool", "time", "string"]);
  assert.deepEqual(table.row(0), { name: "Ana", age: 41, pay: 5993.5, active: true, joined: "2014-05-01", note: null });
  assert.deepEqual(table.column("name"), ["Ana", "Bo", "Tromsø"]);
  const events = [];
  const mean = await readSql("select avg(pay) as pay from staff", staff, { onProgress: (e) => events.push(e) });
  assert.deepEqual(mean.row(0), { pay: 5561.75 });
});

test("what SQLite refuses", async () => {
  await assert.rejects(readSql("select nowhere from staff", staff), {
    code: "ATTRITION_INVALID_PARAM",
    message: /no such column: nowhere at character 8/,
  });
  await assert.rejects(readSql("delete from staff", staff), { code: "ATTRITION_INVALID_PARAM" });
  await assert.rejects(readSql("nobody", staff), { code: "ATTRITION_NOT_FOUND", message: /there is: staff/ });
  await assert.rejects(readSql("staff", `${staff}.none`), { code: "ATTRITION_IO", errno: 2 });
  await assert.rejects(readSql("staff", "mysql://ana:s3cret@host"), (e) => {
    return e.code === "ATTRITION_INVALID_PARAM" && !e.message.includes("s3cret");
  });
});

test("a query of SQLite that never ends is stopped by the signal", async () => {
  const endless = "with recursive n(i) as (values (0) union all select i + 1 from n) select count(*) from n";
  await assert.rejects(readSql(endless, staff, { signal: AbortSignal.timeout(100) }), { code: "ATTRITION_CANCELLED" });
});

test("a query of PostgreSQL", async (t) => {
  const url = postgres(t);
  if (!url) return;
  const query = "select i as n, i / 2.0 as half, 'w' || i as word, date '2024-02-29' as day from generate_series(1, 2) i";
  const table = await readSql(query, url);
  assert.deepEqual(table.types, ["int", "float", "string", "time"]);
  assert.deepEqual(table.row(1), { n: 2, half: 1, word: "w2", day: "2024-02-29" });
  await assert.rejects(readSql("select nothing", url), { code: "ATTRITION_INVALID_PARAM", message: /at character 8/ });
  const long = readSql("select pg_sleep(60)::text", url, { signal: AbortSignal.timeout(200) });
  await assert.rejects(long, { code: "ATTRITION_CANCELLED" });
});

test("a scan is the query in batches", async () => {
  const whole = await readSql("staff", staff);
  const scan = await scanSql("staff", staff, { batchRows: 2 });
  let rows = 0;
  for await (const table of scan) rows += table.nRows;
  assert.equal(rows, whole.nRows);
  assert.deepEqual((await scan.collect()).row(1), whole.row(1));
  await assert.rejects((await scanSql("nobody", staff)).collect(), { code: "ATTRITION_NOT_FOUND" });
});
