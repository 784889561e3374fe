// What a server does to an addon: workers by the dozen, a cluster, disposal, signals. Longer with ATTRITION_SOAK_SECONDS.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import { Model, Table, train } from "attrition";
import { people, target } from "./data.mjs";

const here = new URL(".", import.meta.url);
const soak = Number(process.env.ATTRITION_SOAK_SECONDS ?? 0);
const rows = people(400);
const model = await train(rows, { ...target, cv: null });
const bytes = model.toBytes();
const expected = rows.map((row) => model.probaOne(row));
const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "attrition.model");
writeFileSync(file, bytes);

/** Runs code in a process of its own, which must end by itself. */
function run(code, flags = []) {
  const preamble = `import { Model, Table, train } from "attrition"; import { people, target } from ${JSON.stringify(new URL("data.mjs", here).href)};
    const file = ${JSON.stringify(file)};`;
  return spawnSync(process.execPath, [...flags, "--input-type=module", "-e", preamble + code], { cwd: here, encoding: "utf8", timeout: soak ? 1_200_000 : 120_000 });
}

test("worker threads come and go, and some are ended at work", async () => {
  const code = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { Model, Table } = require("attrition");
    (async () => {
      const m = Model.fromBytes(workerData.bytes);
      parentPort.postMessage(workerData.rows.map((row) => m.probaOne(row)));
      if (workerData.busy) for (;;) await m.predictProba(await Table.from(workerData.rows));
    })();`;
  const end = Date.now() + soak * 1000;
  let rounds = 0;
  do {
    await Promise.all(
      Array.from({ length: 4 }, (_, i) => {
        const busy = i % 2 === 1;
        const worker = new Worker(code, { eval: true, workerData: { bytes, rows: rows.slice(0, 50), busy } });
        return new Promise((resolve, reject) => {
          worker.on("message", (scores) => {
            assert.deepEqual(scores, expected.slice(0, 50));
            if (busy) setTimeout(() => worker.terminate(), 5 * i);
          });
          worker.on("error", reject);
          worker.on("exit", (status) => (status === (busy ? 1 : 0) ? resolve() : reject(new Error(`exit ${status}`))));
        });
      }),
    );
    rounds += 1;
  } while (rounds < 5 || Date.now() < end);
  assert.equal(model.probaOne(rows[0]), expected[0]);
});

test("a cluster's processes score alike and leave when told", () => {
  const code = `
    import cluster from "node:cluster";
    import { once } from "node:events";
    const m = Model.loadSync(file);
    const scores = people(100).map((row) => m.probaOne(row));
    if (cluster.isPrimary) {
      const workers = [cluster.fork(), cluster.fork(), cluster.fork()];
      const answers = await Promise.all(workers.map(async (w) => (await once(w, "message"))[0]));
      console.log(answers.every((a) => JSON.stringify(a) === JSON.stringify(scores)));
      workers.forEach((w) => w.send("leave"));
      const codes = await Promise.all(workers.map(async (w) => (await once(w, "exit"))[0]));
      console.log(codes.join());
    } else {
      process.send(scores);
      process.once("message", () => process.disconnect());
    }`;
  const path = join(folder, "cluster.mjs");
  // Forks run the same file, which therefore must be one.
  writeFileSync(path, `import { Model } from ${JSON.stringify(new URL("../dist/index.mjs", here).href)}; import { people } from ${JSON.stringify(new URL("data.mjs", here).href)}; const file = ${JSON.stringify(file)};${code}`);
  const child = spawnSync(process.execPath, [path], { encoding: "utf8", timeout: 60_000 });
  assert.equal(child.status, 0, child.stderr);
  assert.equal(child.stdout, "true\n0,0,0\n");
});

test("bytes that were cloned or transferred are the model", async () => {
  const { port1, port2 } = new MessageChannel();
  const received = new Promise((resolve) => port2.once("message", resolve));
  const copy = new Uint8Array(bytes);
  port1.postMessage(copy, [copy.buffer]);
  for (const b of [structuredClone(bytes), await received, new Uint8Array(structuredClone(bytes)).buffer]) {
    assert.equal(Model.fromBytes(b).digest, model.digest);
  }
  port1.close();
  assert.throws(() => Model.fromBytes(copy), { code: "ATTRITION_ARTIFACT" }, "the buffer was given away");
  assert.throws(() => structuredClone(model).probaOne(rows[0]), TypeError);
});

test("what is disposed of says so, at every call", async () => {
  const gone = { code: "ATTRITION_UNSUPPORTED", message: /disposed/ };
  const m = Model.fromBytes(bytes);
  const table = await Table.from(rows);
  const running = m.predictProba(table).then(Array.from, (e) => e.code);
  m[Symbol.dispose]();
  table[Symbol.dispose]();
  const end = await running;
  if (end !== gone.code) assert.deepEqual(end, expected, "what was at work either ends or says so");
  m[Symbol.dispose]();
  for (const call of [
    () => m.probaOne(rows[0]), () => m.probaJson("{}"), () => m.predictOne(rows[0]), () => m.contributions(rows[0]), () => m.terms(),
    () => m.importances(), () => m.toBytes(), () => m.schema, () => m.params, () => m.labels, () => m.learner, () => m.threshold,
    () => m.digest, () => m.training, () => m.pipeline, () => m.pipelines, () => m.probaOne({ Age: "x" }),
    () => table.nRows, () => table.columns, () => table.types, () => table.row(0), () => table.column("Age", 0, 1),
  ]) {
    assert.throws(call, gone, String(call));
  }
  for (const call of [
    () => m.predictProba(rows), () => m.predictProba({ Age: new Float64Array(3) }), () => m.predict(rows), () => m.evaluate(rows),
    () => m.save(file), () => model.predictProba(table), () => model.evaluate(table), () => train(table, target),
    () => table.writeCsv(file), () => table.writeParquet(file), () => table.toIpc(),
  ]) {
    await assert.rejects(call(), gone, String(call));
  }
  assert.equal(model.probaOne(rows[0]), expected[0], "other models stay");
});

test("disposal gives the memory back at once", () => {
  const child = run(`
    const columns = Object.fromEntries(Array.from({ length: 20 }, (_, k) => ["x" + k, new Float64Array(1_000_000)]));
    const settle = () => new Promise((r) => setTimeout(r, 100));
    await (await Table.from(columns))[Symbol.dispose]();
    await settle();
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 4; i++) (await Table.from(columns))[Symbol.dispose]();
    await settle();
    console.log((process.memoryUsage().rss - before) / 2 ** 20);`);
  assert.equal(child.status, 0, child.stderr);
  assert.ok(Number(child.stdout) < 200, `${child.stdout} MiB of four tables of 160 MB are still there`);
});

for (const signal of ["SIGTERM", "SIGINT"]) {
  test(`${signal} ends a process at work at once, as the signal says`, { skip: process.platform === "win32" }, async () => {
    const code = `import { Table, train } from "attrition"; import { people, target } from ${JSON.stringify(new URL("data.mjs", here).href)};
      const table = await Table.from(people(20_000)); console.log("ready"); for (;;) await train(table, target);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], { cwd: here, stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((resolve) => child.once("exit", (status, by) => resolve([status, by])));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    setTimeout(() => child.kill(signal), 50);
    assert.deepEqual(await ended, [null, signal]);
  });
}

test("a handler of a signal aborts the work and leaves cleanly", { skip: process.platform === "win32" }, () => {
  const child = run(`
    const controller = new AbortController();
    process.once("SIGTERM", () => controller.abort());
    const work = train(await Table.from(people(20_000)), { ...target, signal: controller.signal });
    setTimeout(() => process.kill(process.pid, "SIGTERM"), 30);
    await work.catch((e) => console.log(e.code));`);
  assert.equal(child.status, 0, child.stderr);
  assert.equal(child.stdout, "ATTRITION_CANCELLED\n");
});

test("memory does not grow with calls of one row", (t) => {
  const calls = Number(process.env.ATTRITION_SOAK_CALLS ?? (soak ? 10_000_000 : 300_000));
  const child = run(
    `const m = Model.loadSync(file); const rows = people(500);
    const settle = async () => { for (let i = 0; i < 5; i++) { gc(); await new Promise((r) => setTimeout(r, 20)); } return process.memoryUsage().rss; };
    const round = (n) => { let sum = 0; for (let i = 0; i < n; i++) sum += m.probaOne(rows[i % 500]); return sum; };
    round(200_000); await settle(); round(100_000);
    const before = await settle();
    for (let done = 0; done < ${calls}; done += 100_000) { round(100_000); await new Promise((r) => setImmediate(r)); }
    console.log(((await settle()) - before) / 2 ** 20);`,
    ["--expose-gc"],
  );
  assert.equal(child.status, 0, child.stderr);
  assert.ok(Number(child.stdout) < 5, `${child.stdout} MiB more after ${calls} calls`);
  t.diagnostic(`${Number(child.stdout).toFixed(1)} MiB more after ${calls} calls`);
});
