// The JavaScript of README.md and the guide runs, with an artifact in the folder, as a package that depends on ours.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? "target");
const guide = join(root, "docs", "guide");
const pages = [join(root, "README.md"), ...readdirSync(guide).sort().map((name) => join(guide, name))];

for (const page of pages) {
  const blocks = [...readFileSync(page, "utf8").matchAll(/^```js\n([\s\S]*?)^```/gm)].map((m) => m[1]);
  if (blocks.length === 0) continue;
  test(`the JavaScript of ${page.slice(root.length + 1)} runs`, () => {
    const folder = mkdtempSync(join(tmpdir(), "attrition-docs-"));
    try {
      mkdirSync(join(folder, "node_modules"));
      symlinkSync(join(root, "attrition-node"), join(folder, "node_modules", "attrition"), "dir");
      copyFileSync(join(target, "three_languages", "employees", "attrition.model"), join(folder, "attrition.model"));
      writeFileSync(join(folder, "page.mjs"), blocks.join("\n"));
      execFileSync(process.execPath, ["page.mjs"], { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
}

test("there is JavaScript in the README", () => {
  assert.match(readFileSync(pages[0], "utf8"), /^```js$/m);
});
