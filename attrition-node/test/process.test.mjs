// What a server needs of an addon: bounded memory, worker threads, a process that ends, no code from strings.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { train } from "attrition";
import { people, target } from "./data.mjs";

const here = new URL(".", import.meta.url);

/** Runs code in a process of its own, which must end by itself. */
function run(code, flags = []) {
  const preamble = `import { datasets, metrics, Model, Table, train } from "attrition"; import { people, target } from ${JSON.stringify(new URL("data.mjs", here).href)};`;
  const child = spawnSync(process.execPath, [...flags, "--input-type=module", "-e", preamble + code], { cwd: here, encoding: "utf8", timeout: 60_000 });
  assert.equal(child.status, 0, child.error ?? child.signal ?? child.stderr);
  return child.stdout;
}

test("memory does not grow with the number of calls", () => {
  const code = `
    const rows = people(500);
    const model = await train(rows, { ...target, cv: null });
    const odd = { Age: 30, Level: "unseen", Hired: "2024-05-31", Remote: null };
    const bytes = model.toBytes();
    const round = () => {
      for (let i = 0; i < 100_000; i++) model.probaOne(rows[i % 500]);
      for (let i = 0; i < 5_000; i++) model.predictOne(odd);
      for (let i = 0; i < 5_000; i++) model.probaJson('{"Age": 30}');
      for (let i = 0; i < 2_000; i++) try { model.probaOne({ Age: "x" }) } catch {}
      for (let i = 0; i < 300; i++) Model.fromBytes(bytes).probaOne(odd);
    };
    // Finalizers of freed models and arrays run when the event loop turns.
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((r) => setTimeout(r, 20)); } return process.memoryUsage().rss; };
    for (let i = 0; i < 3; i++) { round(); await settle(); }
    const before = await settle();
    for (let i = 0; i < 4; i++) { round(); await settle(); }
    console.log(((await settle()) - before) / 2 ** 20);`;
  const grown = Number(run(code, ["--expose-gc"]));
  assert.ok(grown < 12, `${grown} MiB more after 400,000 rows`);
});

test("no code is made from strings", () => {
  const code = `const m = await train(people(300), { ...target, cv: null }); console.log(m.probaOne({ Age: 30 }) > 0)`;
  assert.equal(run(code, ["--disallow-code-generation-from-strings"]), "true\n");
});

test("progress does not keep the process alive, nor does a signal that never aborts", () => {
  run(`await train(people(300), { ...target, onProgress() {}, signal: new AbortController().signal })`);
  run(`train(people(300), target).then(() => process.exit(0), () => process.exit(1))`);
  // Leaving in the middle of the work is clean.
  run(`train(await Table.from(people(20_000)), target); setTimeout(() => process.exit(0), 30)`);
});

test("an error that nobody catches ends the process as any error does", () => {
  const code = `import { Table } from "attrition"; await Table.from([{ a: [1] }])`;
  const child = spawnSync(process.execPath, ["--input-type=module", "-e", code], { cwd: here, encoding: "utf8" });
  assert.equal(child.status, 1);
  assert.match(child.stderr, /ATTRITION_INVALID_DATA/);
});

test("worker threads load, predict and end", async () => {
  const rows = people(400);
  const m = await train(rows, { ...target, cv: null });
  const expected = rows.map((row) => m.probaOne(row));
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Model } = require("attrition");
    const m = Model.fromBytes(workerData.bytes);
    (async () => {
      const one = workerData.rows.map((row) => m.probaOne(row));
      const all = Array.from(await m.predictProba(workerData.rows));
      parentPort.postMessage({ one, all });
    })();`;
  for (let round = 0; round < 3; round++) {
    const workers = Array.from({ length: 4 }, () => {
      const worker = new Worker(code, { eval: true, workerData: { bytes: m.toBytes(), rows } });
      return new Promise((resolve, reject) => {
        let message;
        worker.on("message", (m) => (message = m));
        worker.on("error", reject);
        worker.on("exit", (status) => (status === 0 ? resolve(message) : reject(new Error(`exit ${status}`))));
      });
    });
    for (const { one, all } of await Promise.all(workers)) {
      assert.deepEqual(one, expected);
      assert.deepEqual(all, expected);
    }
  }
});

test("a worker may be ended in the middle of its work", async () => {
  const worker = new Worker(`
    const { datasets, train } = require("attrition");
    datasets.employees({ nRows: 20000 }).then((t) => { require("node:worker_threads").parentPort.postMessage(1); return train(t, { target: "Attrition", positive: "Yes", onProgress() {} }); });`, { eval: true });
  await new Promise((resolve) => worker.once("message", resolve));
  await worker.terminate();
});
