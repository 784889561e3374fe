// The package as its users get it: packed, installed alone in an empty project, used from ES modules, CommonJS and TypeScript.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esm from "attrition";
import { platforms, split } from "../scripts/platforms.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const cjs = createRequire(import.meta.url)("attrition");
const read = (path) => JSON.parse(readFileSync(join(here, path), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));

function run(command, args, cwd, env = {}) {
  const shell = process.platform === "win32";
  return execFileSync(command, args, { cwd, encoding: "utf8", shell, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

test("import and require give the same things", () => {
  assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
  for (const name of Object.keys(esm)) assert.equal(esm[name], cjs[name], name);
});

test("the lock file names no address, and nothing that is installed runs a script", () => {
  const lock = readFileSync(join(here, "package-lock.json"), "utf8");
  assert.ok(!lock.includes('"resolved"'), "resolved addresses in package-lock.json");
  assert.ok(!lock.includes('"hasInstallScript"'), "install scripts among the packages of package-lock.json");
  const { scripts, dependencies } = read("package.json");
  for (const name of ["preinstall", "install", "postinstall", "prepare"]) assert.equal(scripts[name], undefined);
  assert.equal(dependencies, undefined, "the package stands alone");
});

const esmCode = `
  import { datasets, Model, train } from "attrition";
  const model = await train(await datasets.employees({ nRows: 200 }), { target: "Attrition", positive: "Yes", learner: "logistic", cv: null });
  if (Model.fromBytes(model.toBytes()).probaOne({ Age: 30 }) !== model.probaOne({ Age: 30 })) throw new Error("scores differ");
  console.log("ok");`;
const cjsCode = `
  const { datasets, Model, train } = require("attrition");
  (async () => {
    const model = await train(await datasets.employees({ nRows: 200 }), { target: "Attrition", positive: "Yes", learner: "logistic", cv: null });
    await model.save("m.model");
    if (Model.loadSync("m.model").digest !== model.digest) throw new Error("digests differ");
    console.log("ok");
  })();`;
const tsCode = `
  import { type AttritionError, datasets, Model, train, type TrainOptions } from "attrition";
  interface Employee { Age?: number; OverTime?: "Yes" | "No" }
  const options: TrainOptions = { target: "Attrition", positive: "Yes", learner: "boosting", params: { nTrees: 5, maxLeaves: 4 }, cv: null };
  const model: Model<Employee> = await train<Employee>(await datasets.employees({ nRows: 200 }), options);
  const proba: number = model.probaOne({ Age: 30, OverTime: "Yes" });
  // @ts-expect-error a misspelt key
  model.probaOne({ Age: 30, Agee: 30 });
  try { Model.loadSync("absent"); } catch (e) { console.log((e as AttritionError).code === "ATTRITION_IO" && proba > 0 ? "ok" : "wrong"); }`;

function project(name, dependencies) {
  const path = join(folder, name);
  mkdirSync(path);
  writeFileSync(join(path, "package.json"), JSON.stringify({ name, private: true, dependencies }));
  return path;
}

test("packed and installed alone it works from ES modules, CommonJS and TypeScript, and its types are right", () => {
  const pack = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], here))[0];
  assert.ok(pack.size < 8 * 2 ** 20, `the tarball has ${pack.size} bytes`);
  for (const { path } of pack.files) assert.match(path, /^(dist\/|attrition\.node$|native\.d\.ts$|README\.md$|LICENSE-|package\.json$)/);
  const tarball = join(folder, pack.filename);
  const path = project("user", {});
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", tarball], path);
  writeFileSync(join(path, "index.mjs"), esmCode);
  writeFileSync(join(path, "index.cjs"), cjsCode);
  writeFileSync(join(path, "typed.mts"), tsCode);
  assert.equal(run(process.execPath, ["index.mjs"], path), "ok\n");
  assert.equal(run(process.execPath, ["index.cjs"], path), "ok\n");

  mkdirSync(join(path, "node_modules/@types"));
  for (const name of ["@types/node", "undici-types"]) {
    symlinkSync(join(here, "node_modules", name), join(path, "node_modules", name), "junction");
  }
  // With the library's own declarations checked too, in every way in which TypeScript finds a package.
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  const strict = ["--strict", "--target", "es2022", "--types", "node", "--skipLibCheck", "false"];
  run(process.execPath, [tsc, ...strict, "--module", "node20", "typed.mts"], path);
  assert.equal(run(process.execPath, ["typed.mjs"], path), "ok\n");
  run(process.execPath, [tsc, ...strict, "--module", "esnext", "--moduleResolution", "bundler", "--noEmit", "typed.mts"], path);
  writeFileSync(join(path, "required.cts"), `import attrition = require("attrition"); const m: attrition.Model = attrition.Model.loadSync("m"); m.probaOne({});`);
  run(process.execPath, [tsc, ...strict, "--module", "node16", "--noEmit", "required.cts"], path);
  run(process.execPath, [join(here, "node_modules/@arethetypeswrong/cli/dist/index.js"), tarball, "--format", "ascii"], path);
});

test("split by platform, npm takes the addon of this one, and what is missing is told", () => {
  const platform = Object.entries(platforms).find(([, p]) => p.os === process.platform && p.cpu === process.arch)?.[0];
  assert.ok(platform, "this platform is one of the release");
  const musl = process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime;
  const name = musl ? platform.replace("gnu", "musl") : platform;
  const addons = join(folder, "addons");
  mkdirSync(addons);
  copyFileSync(join(here, "attrition.node"), join(addons, `attrition.${name}.node`));
  assert.throws(() => split(addons, join(folder, "split")), /there is no .*\.node/);
  split(addons, join(folder, "split"), [name]);
  const main = JSON.parse(readFileSync(join(folder, "split/attrition/package.json"), "utf8"));
  assert.deepEqual(main.optionalDependencies, { [`attrition-${name}`]: main.version });
  assert.equal(main.scripts, undefined);
  assert.ok(!existsSync(join(folder, "split/attrition/attrition.node")));
  assert.ok(statSync(join(folder, `split/attrition-${name}/attrition.node`)).size > 1e6);

  const path = project("split-user", {});
  mkdirSync(join(path, "node_modules"));
  for (const part of ["attrition", `attrition-${name}`]) renameSync(join(folder, "split", part), join(path, "node_modules", part));
  writeFileSync(join(path, "index.mjs"), esmCode);
  assert.equal(run(process.execPath, ["index.mjs"], path), "ok\n");
  rmSync(join(path, "node_modules", `attrition-${name}`), { recursive: true });
  const code = `try { require("attrition") } catch (e) { console.log(e.code, e.message.includes("attrition-${name}")) }`;
  assert.equal(run(process.execPath, ["-e", code], path), "ATTRITION_UNSUPPORTED true\n");
  writeFileSync(join(path, "node_modules/attrition/attrition.node"), "no library");
  const damaged = `try { require("attrition") } catch (e) { console.log(e.code, e.cause.code) }`;
  assert.equal(run(process.execPath, ["-e", damaged], path), "ATTRITION_UNSUPPORTED ERR_DLOPEN_FAILED\n");
});

test("every platform of the release workflow is one that the package looks for", () => {
  const workflow = readFileSync(join(here, "../.github/workflows/release-node.yml"), "utf8");
  const built = [...workflow.matchAll(/^\s*- platform: (\S+)$/gm)].map((m) => m[1]).sort();
  assert.deepEqual(built, Object.keys(platforms).sort());
});
