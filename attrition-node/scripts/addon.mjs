// Takes what cargo built into this package: the native library, its declarations `native.d.ts`, and the licences.
//
//   node scripts/addon.mjs [--check] [target folder]
//
// `--check` fails if the committed `native.d.ts` is not what the Rust says, and copies nothing. The target folder is
// by default that of CARGO_TARGET_DIR, else `../target`.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const check = args.includes("--check");
const target = args.find((a) => !a.startsWith("--")) ?? process.env.CARGO_TARGET_DIR ?? join(here, "..", "target");
const release = join(resolve(target), "release");

const declarations = render(read(join(release, "napi-types", "attrition-node")));
const committed = join(here, "native.d.ts");
if (check) {
  if (!existsSync(committed) || readFileSync(committed, "utf8") !== declarations) {
    fail("native.d.ts is not what the Rust declares; run `npm run build` and commit it");
  }
} else {
  const [prefix, suffix] = { win32: ["", "dll"], darwin: ["lib", "dylib"] }[process.platform] ?? ["lib", "so"];
  const library = join(release, `${prefix}attrition_node.${suffix}`);
  if (!existsSync(library)) fail(`there is no ${library}; run \`cargo build --release -p attrition-node\``);
  // By way of a new name: a process that has the old library mapped keeps it whole.
  const addon = join(here, "attrition.node");
  copyFileSync(library, `${addon}.new`);
  renameSync(`${addon}.new`, addon);
  writeFileSync(committed, declarations);
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(here, "..", licence), join(here, licence));
}

function read(path) {
  if (!existsSync(path)) fail(`there is no ${path}; run \`cargo build --release -p attrition-node\``);
  return readFileSync(path, "utf8");
}

/** One JSON object a line, as napi-derive writes them, as TypeScript. */
function render(text) {
  const items = new Map();
  for (const line of text.split("\n").filter(Boolean)) {
    const { kind, name, def, js_doc: doc = "" } = JSON.parse(line);
    const item = items.get(name) ?? { name, kind, def: "", doc };
    if (kind === "impl") item.def += `${def}\n`;
    else Object.assign(item, { kind, doc, def: def + item.def });
    items.set(name, item);
  }
  const body = [...items.values()]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ kind, name, def, doc }) => {
      if (kind === "struct") return `${doc}export declare class ${name} {\n${indent(def)}\n}\n`;
      if (kind === "interface") return `${doc}export interface ${name} {\n${indent(def)}\n}\n`;
      return `${doc}export declare ${def}\n`;
    });
  return `// Generated from the Rust by scripts/addon.mjs; do not edit.\n/* eslint-disable */\n\n${body.join("\n")}`;
}

function indent(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => (line.startsWith("*") ? `   ${line}` : `  ${line}`))
    .join("\n");
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
