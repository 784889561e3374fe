import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { metrics, Table } from "attrition";
import { root } from "./shared.mjs";

const { errorCodes } = createRequire(import.meta.url)("../attrition.node");

test("every kind of error has its code, in Rust, in the vectors and in TypeScript", () => {
  const { cases } = JSON.parse(readFileSync(join(root, "tests/vectors/errors.json"), "utf8"));
  const codes = errorCodes();
  assert.deepEqual(codes, cases.map((c) => c.expected.code));
  const source = readFileSync(new URL("../ts/error.ts", import.meta.url), "utf8");
  assert.deepEqual([...source.matchAll(/^ {2}\| "(ATTRITION_\w+)"/gm)].map((m) => m[1]), codes);
});

test("errors are errors, with code and place", async () => {
  const table = await Table.from({ a: [1] });
  const thrown = (() => {
    try {
      table.column("b");
    } catch (e) {
      return e;
    }
  })();
  assert.ok(thrown instanceof Error);
  assert.equal(thrown.code, "ATTRITION_NOT_FOUND");
  assert.match(thrown.message, /no column named `b`; there is: a/);
  assert.ok(thrown.stack.includes("error.test.mjs"));

  const rejected = await metrics.rocAuc([0, 1, 2], [0.1, 0.2, 0.3]).catch((e) => e);
  assert.ok(rejected instanceof Error);
  assert.equal(rejected.code, "ATTRITION_INVALID_DATA");
  assert.equal(rejected.row, 2);
});

test("an aborted signal rejects with AbortError and its reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  controller.abort(reason);
  await assert.rejects(metrics.rocAuc([0, 1], [0.1, 0.2], { signal: controller.signal }), (e) => {
    assert.equal(e.code, "ATTRITION_CANCELLED");
    assert.equal(e.name, "AbortError");
    assert.equal(e.cause, reason);
    return true;
  });
});
