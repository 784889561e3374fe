// Takes what cargo built into this package: the native library, its declarations `native.d.ts`, the types of all learners'
// parameters `ts/params.ts`, and the licences.
//
//   node scripts/addon.mjs [--check] [target folder]
//
// `--check` fails if the committed `native.d.ts` or `ts/params.ts` is not what the Rust says, and writes nothing. The target folder is
// by default that of CARGO_TARGET_DIR, else `../target`.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(dirname(fileURLToPath(import.meta.url)));
const args = process.argv.slice(2);
const check = args.includes("--check");
const target = args.find((a) => !a.startsWith("--")) ?? process.env.CARGO_TARGET_DIR ?? join(here, "..", "target");
const release = join(resolve(target), "release");

const addon = join(here, "attrition.node");
if (!check) {
  const [prefix, suffix] = { win32: ["", "dll"], darwin: ["lib", "dylib"] }[process.platform] ?? ["lib", "so"];
  const library = join(release, `${prefix}attrition_node.${suffix}`);
  if (!existsSync(library)) fail(`there is no ${library}; run \`cargo build --release -p attrition-node\``);
  // By way of a new name: a process that has the old library mapped keeps it whole.
  copyFileSync(library, `${addon}.new`);
  renameSync(`${addon}.new`, addon);
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(here, "..", licence), join(here, licence));
}

const generated = {
  "native.d.ts": render(read(join(release, "napi-types", "attrition-node"))),
  "ts/params.ts": params(createRequire(import.meta.url)(addon).learnerSpecs()),
};
for (const [name, text] of Object.entries(generated)) {
  const path = join(here, name);
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  if (check) fail(`${name} is not what the Rust says; run \`npm run build\` and commit it`);
  writeFileSync(path, text);
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

/** The parameters of every learner as TypeScript, by the core's own tables. */
function params(learners) {
  const camel = (name) => name.replace(/_(.)/g, (_, c) => c.toUpperCase());
  const title = (name) => camel(`_${name}`);
  const known = new Set(Object.values(learners).flatMap((specs) => specs.map((spec) => spec.name)));
  const inCamel = (text) => text.replace(/\w+/g, (word) => (known.has(word) ? camel(word) : word));
  const interfaces = Object.entries(learners).map(([learner, specs]) => {
    const fields = specs.map(({ name, default: value, range, words, meaning }) => {
      const doc = `${inCamel(meaning)} (${words}; default ${value}).`.replace(/\*\//g, "* /");
      return `  /** ${doc[0].toUpperCase()}${doc.slice(1)} */\n  readonly ${camel(name)}?: ${type(name, range)};`;
    });
    return `/** Parameters of \`${learner}\`. */\nexport interface ${title(learner)}Params {\n${fields.join("\n")}\n}\n`;
  });
  const names = Object.keys(learners);
  return `// Generated from the core's tables of parameters by scripts/addon.mjs; do not edit.
/* eslint-disable */

/** The names of all learners. */
export const learnerNames = [${names.map((name) => JSON.stringify(name)).join(", ")}] as const;

/** A learner's name. */
export type LearnerName = (typeof learnerNames)[number];

/** Every learner's parameters. */
export interface LearnerParams {
${names.map((name) => `  ${name}: ${title(name)}Params;`).join("\n")}
}

type Params = LearnerParams[LearnerName];
type Names<P> = P extends unknown ? keyof P : never;
type Values<P, K> = P extends unknown ? (K extends keyof P ? P[K] : never) : never;

/** The parameters of some learner. */
export type AnyParams = { readonly [K in Names<Params>]?: Values<Params, K> };

${interfaces.join("\n")}`;
}

function type(name, range) {
  const types = {
    number: "number",
    integer: "number",
    choice: range.options?.map((option) => JSON.stringify(option)).join(" | "),
    class_weight: '"balanced" | { readonly negative: number; readonly positive: number } | null',
    optional_integer: "number | null",
    optional_integer_or_auto: '"auto" | number | null',
    integer_or_auto: '"auto" | number',
    number_or_auto: '"auto" | number',
    monotone: "Readonly<Record<string, -1 | 0 | 1>> | null",
    costs: "Readonly<Record<string, number>> | null",
    groups: "readonly (readonly string[])[] | null",
  };
  return types[range.kind] ?? fail(`the parameter ${name} has a range of kind ${range.kind}, which has no type here yet`);
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
