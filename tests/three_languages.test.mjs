// Node's scores equal Rust's to the last bit; `cargo test --test three_languages` wrote what is read here.

import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { score } from "../scripts/score.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = join(resolve(root, process.env.CARGO_TARGET_DIR ?? "target"), "three_languages");
const names = existsSync(folder) ? readdirSync(folder).sort() : [];

test("there is something to compare", () => {
  assert.ok(names.length > 0, "run `make test`, or `cargo test --release --test three_languages`, first");
});

for (const name of names) {
  test(`scores of ${name} equal Rust's`, async () => {
    const want = readFileSync(join(folder, name, "scores.rust.bin"));
    const got = await score(join(folder, name));
    assert.ok(got.length >= 10_000);
    assert.equal(want.length, got.length * 8);
    got.forEach((p, i) => assert.ok(Object.is(p, want.readDoubleLE(i * 8)), `row ${i}: ${p}`));
  });
}
