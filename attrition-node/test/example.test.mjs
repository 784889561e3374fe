// The examples run as their readers run them: in a folder where `attrition` and what else they name is installed.
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { datasets, Model, train } from "attrition";
import { root } from "./shared.mjs";

const examples = join(root, "examples/node");
const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));

const employees = await datasets.employees({ nRows: 300, seed: 1 });
const model = await train(employees, { target: "Attrition", positive: "Yes", id: "EmployeeNumber", learner: "logistic", cv: null });
const file = join(folder, "attrition.model");
await model.save(file);

/** A copy of an example that needs nothing but `attrition`. */
function copied(name) {
  const path = join(folder, name);
  cpSync(join(examples, name), path, { recursive: true, filter: (p) => !p.includes("node_modules") });
  mkdirSync(join(path, "node_modules"));
  symlinkSync(join(root, "attrition-node"), join(path, "node_modules/attrition"), "junction");
  return path;
}

/** The folder of an example whose packages `make test` has installed by its lock file. */
function installed(name) {
  const path = join(examples, name);
  assert.ok(existsSync(join(path, "node_modules/.package-lock.json")), `run \`make test\`, or \`npm ci\` in examples/node/${name}`);
  return path;
}

test("first-steps", () => {
  const saved = join(folder, "a.model");
  const cwd = copied("first-steps");
  const out = execFileSync(process.execPath, ["index.mjs", saved], { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  assert.match(out, /ROC-AUC on the hold-out 0\.\d+/);
  assert.match(out, /P\(leaves\) 0\.\d+: (Yes|No), with \d+ gaps filled\nstrongest: /);
  assert.ok(statSync(saved).size > 1000);
});

test("stream-scorer", () => {
  const cwd = copied("stream-scorer");
  const score = (input) => spawnSync(process.execPath, ["index.mjs", file], { cwd, encoding: "utf8", input });
  const rows = Array.from({ length: 2500 }, (_, i) => employees.row(i % 300));
  const done = score(`${rows.map((row) => JSON.stringify(row)).join("\n")}\n\n`);
  assert.equal(done.status, 0, done.stderr);
  const lines = done.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines, rows.map((row) => { const { proba, label } = model.predictOne(row); return { proba, label }; }));
  assert.match(done.stderr, /2500 records scored by logistic/);
  for (const [input, message] of [["{}\n", /SCHEMA_MISMATCH/], ['{"Age": 30}\n{"Age": "x"}\n', /row 1/], ['{"Age": 30}\n{\n', /line 2 is no JSON/]]) {
    const refused = score(input);
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, message);
  }
  assert.equal(score("").status, 0);
});

test("typescript-project", () => {
  const cwd = installed("typescript-project");
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc"], { cwd, stdio: "inherit" });
  const out = execFileSync(process.execPath, ["dist/index.js"], { cwd, encoding: "utf8" });
  assert.match(out, /^29 years, overtime Yes: 0\.\d{3}\n51 years, overtime No: 0\.\d{3}\nmost asked for: \w+\nrefused: Age must be .*number/);
});

test("fastify-service answers, refuses by schema and by model, and is bounded", async () => {
  const { service } = await import(join(installed("fastify-service"), "service.mjs"));
  // The example has `attrition` by a link, which is this very package.
  assert.equal(createRequire(join(examples, "fastify-service/x.js"))("attrition").Model, Model);
  const app = service(model, { maxRows: 100, logger: false });
  const ask = async (method, url, payload) => {
    const answer = await app.inject({ method, url, payload });
    return { status: answer.statusCode, body: answer.json() };
  };
  assert.deepEqual(await ask("GET", "/health"), { status: 200, body: { status: "ok", digest: model.digest } });
  const about = (await ask("GET", "/model")).body;
  assert.equal(about.learner, "logistic");
  assert.deepEqual(about.labels, ["No", "Yes"]);
  assert.ok(about.features.some((f) => f.name === "OverTime" && f.vocabulary.includes("Yes")));
  assert.ok(!about.features.some((f) => f.name === "Attrition" || f.name === "EmployeeNumber"));

  for (let i = 0; i < 50; i++) {
    const row = employees.row(i);
    assert.deepEqual((await ask("POST", "/predict", row)).body, model.predictOne(row));
    assert.deepEqual((await ask("POST", "/proba", row)).body, { proba: model.probaOne(row) });
  }
  const rows = Array.from({ length: 100 }, (_, i) => employees.row(i));
  assert.deepEqual((await ask("POST", "/batch", rows)).body, { proba: Array.from(await model.predictProba(rows)) });
  const repaired = (await ask("POST", "/predict", { Age: null, OverTime: "sometimes", Unknown: [1] })).body;
  assert.ok(repaired.warnings.some((w) => w.column === "OverTime" && w.kind === "unseen"));

  for (const [url, body, status, code] of [
    ["/predict", { Age: "30" }, 400, "BAD_REQUEST"],
    ["/predict", {}, 400, "BAD_REQUEST"],
    ["/predict", [1], 400, "BAD_REQUEST"],
    ["/predict", { Unknown: 1 }, 422, "ATTRITION_SCHEMA_MISMATCH"],
    ["/batch", [...rows, rows[0]], 400, "BAD_REQUEST"],
    ["/batch", [rows[0], { Age: {} }], 400, "BAD_REQUEST"],
    ["/nowhere", {}, 404, undefined],
  ]) {
    const answer = await ask("POST", url, body);
    assert.equal(answer.status, status, `${url} ${JSON.stringify(body)}`);
    if (code) assert.equal(answer.body.code, code);
  }
  const noJson = await app.inject({ method: "POST", url: "/predict", payload: "{", headers: { "content-type": "application/json" } });
  assert.equal(noJson.statusCode, 400);
  await app.close();
});

test("fastify-service listens, and leaves when it is told to", { skip: process.platform === "win32" }, async () => {
  const child = spawn(process.execPath, ["index.mjs", file, "0"], { cwd: installed("fastify-service"), stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.once("exit", (...how) => resolve(how)));
  const address = await new Promise((resolve) => child.stdout.once("data", (text) => resolve(String(text).trim().split(" ").at(-1))));
  const answer = await fetch(`${address}/predict`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"Age": 30}' });
  assert.equal((await answer.json()).proba, model.probaOne({ Age: 30 }));
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("lock files of examples name no address", () => {
  for (const name of ["fastify-service", "typescript-project"]) {
    const lock = readFileSync(join(examples, name, "package-lock.json"), "utf8");
    assert.deepEqual([...lock.matchAll(/"resolved": "(.*)"/g)].map((m) => m[1]), ["../../../attrition-node"]);
    assert.ok(!lock.includes('"hasInstallScript"'));
  }
});
