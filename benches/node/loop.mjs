// Long calls on 1 M × 30 typed columns: time, and how long the event loop stood still.
//
// node benches/node/loop.mjs [logistic | boosting]
//
// The histogram is perf_hooks' own; beside it stands that of an idle loop in the same run, since a busy machine holds up a
// process that does nothing too. `work` is the longest piece of this thread's own CPU time between two turns of the loop (in
// steps of the scheduler's clock where Node is older than 24).

import { openSync, readSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

import { metrics, Table, train } from "../../attrition-node/dist/index.mjs";

const N = 1_000_000;
const learner = process.argv[2] ?? "logistic";

let state = 1;
const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
const columns = {};
for (let k = 0; k < 30; k += 1) columns[`x${k}`] = Float64Array.from({ length: N }, () => (random() < 0.02 ? NaN : random() * 10));
const y = Float64Array.from({ length: N }, (_, i) => Number((columns.x0[i] || 5) + (columns.x1[i] || 5) + random() * 6 > 13));
const first = (n) => Object.fromEntries(Object.entries({ ...columns, y }).map(([name, column]) => [name, column.subarray(0, n)]));
const params = learner === "boosting" ? { nTrees: 200, maxLeaves: 31, learningRate: 0.1, earlyStopping: null } : {};
const model = await train(first(20_000), { target: "y", learner, params, cv: null, holdout: null, calibration: null });

const stat = process.platform === "linux" ? openSync("/proc/thread-self/schedstat") : undefined;
const text = Buffer.alloc(64);
/** CPU milliseconds of this thread. */
function cpu() {
  const usage = process.threadCpuUsage?.();
  if (usage) return (usage.user + usage.system) / 1000;
  if (stat === undefined) return NaN;
  readSync(stat, text, 0, 64, 0);
  return Number(text.toString("latin1", 0, text.indexOf(" "))) / 1e6;
}

const times = {};
async function watch(name, call, rounds = 3) {
  for (let round = 0; round < rounds; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 50));
    const delay = monitorEventLoopDelay({ resolution: 1 });
    let [last, worst, turning] = [cpu(), 0, true];
    const turn = () => {
      const now = cpu();
      worst = Math.max(worst, now - last);
      last = now;
      if (turning) setImmediate(turn);
    };
    setImmediate(turn);
    delay.enable();
    const used = process.cpuUsage();
    const start = performance.now();
    const result = await call();
    const time = performance.now() - start;
    const { user, system } = process.cpuUsage(used);
    await new Promise((resolve) => setImmediate(resolve));
    turning = false;
    delay.disable();
    result?.[Symbol.dispose]?.();
    (times[name] ??= []).push(time);
    const held = [50, 99, 100].map((p) => (delay.percentile(p) / 1e6).toFixed(1)).join(", ");
    console.log(`${name.padEnd(34)} ${time.toFixed(0).padStart(6)} ms, all threads ${((user + system) / 1000).toFixed(0).padStart(5)} CPU-ms; loop p50, p99, max ${held} ms; work ${worst.toFixed(1)} ms`);
  }
}

const rest = () => new Promise((resolve) => setTimeout(resolve, 400));
await watch("an idle loop", rest);
const table = await Table.from(columns);
for (let round = 0; round < 5; round += 1) {
  await watch("predictProba of a Table", () => model.predictProba(table), 1);
  await watch("predictProba of typed arrays", () => model.predictProba(columns), 1);
}
const ratios = times["predictProba of typed arrays"].map((time, i) => time / times["predictProba of a Table"][i]).sort((a, b) => a - b);
console.log(`typed arrays over the core's own table: median ${ratios[2].toFixed(2)}, ${ratios[0].toFixed(2)} to ${ratios[4].toFixed(2)}`);
await watch("Table.from of typed arrays", () => Table.from(columns));
await watch("predict of typed arrays", () => model.predict(columns));
const proba = await model.predictProba(columns);
await watch("metrics.rocAuc of 1 M rows", () => metrics.rocAuc(y, proba));
const rows = Array.from({ length: 200_000 }, (_, i) => Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[i]])));
await watch("predictProba of 200,000 objects", () => model.predictProba(rows));
await watch("Table.from of 200,000 objects", () => Table.from(rows));
await watch("an idle loop", rest);
