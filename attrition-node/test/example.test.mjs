// The examples run as their readers run them: in a folder where `attrition` is installed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "./shared.mjs";

test("first-steps", () => {
  const folder = mkdtempSync(join(tmpdir(), "attrition-"));
  try {
    cpSync(join(root, "examples/node/first-steps"), folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(root, "attrition-node"), join(folder, "node_modules/attrition"));
    const model = join(folder, "a.model");
    const out = execFileSync(process.execPath, ["index.mjs", model], { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    assert.match(out, /ROC-AUC on the hold-out 0\.\d+/);
    assert.match(out, /P\(leaves\) 0\.\d+: (Yes|No), with \d+ gaps filled\nstrongest: /);
    assert.ok(statSync(model).size > 1000);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
