// The Fastify example under load on the loopback: a route that predicts against the same route that returns a constant.
//
// node benches/node/fastify.mjs [seconds a route and round] [rounds]
//
// The load is made by a process of its own: 16 connections that are kept alive, each with one request at a time. Bounded in time and in
// connections; only 127.0.0.1 is spoken to.

import { fork } from "node:child_process";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";

const [seconds, rounds] = [Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 6)];

if (process.send) {
  process.on("message", async ({ port, path, body }) => process.send(await load(port, path, body)));
  process.on("disconnect", () => process.exit(0));
} else {
  await main();
}

async function load(port, path, body) {
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const options = { agent, host: "127.0.0.1", port, path, method: "POST", headers: { "content-type": "application/json", "content-length": Buffer.byteLength(body) } };
  const ask = () =>
    new Promise((resolve, reject) => {
      const sent = request(options, (answer) => {
        answer.resume();
        answer.on("end", () => (answer.statusCode === 200 ? resolve() : reject(new Error(`status ${answer.statusCode}`))));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  const end = performance.now() + seconds * 1000;
  const times = [];
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (performance.now() < end) {
        const start = performance.now();
        await ask();
        times.push(performance.now() - start);
      }
    }),
  );
  agent.destroy();
  times.sort((a, b) => a - b);
  return { perSecond: times.length / seconds, p50: times[times.length >> 1], p99: times[Math.floor(times.length * 0.99)] };
}

async function main() {
  const { datasets, train } = await import("../../attrition-node/dist/index.mjs");
  const { rowSchema, service } = await import("../../examples/node/fastify-service/service.mjs");
  const employees = await datasets.employees({ nRows: 1470, seed: 0 });
  const loader = fork(fileURLToPath(import.meta.url), process.argv.slice(2));
  for (const learner of ["logistic", "boosting"]) {
    const params = learner === "boosting" ? { nTrees: 200, maxLeaves: 31 } : {};
    const model = await train(employees, { target: "Attrition", positive: "Yes", id: "EmployeeNumber", learner, params, cv: null });
    const app = service(model, { logger: false });
    const proba = { type: "object", properties: { proba: { type: "number" } } };
    app.post("/constant", { schema: { body: rowSchema(model.schema), response: { 200: proba } } }, () => ({ proba: 0.123456789012345 }));
    await app.listen({ port: 0, host: "127.0.0.1" });
    const { port } = app.server.address();
    const body = JSON.stringify(employees.row(3));
    const ratios = [];
    for (let round = 0; round < rounds; round += 1) {
      const found = {};
      // In turn, the first one changing, so that neither has the warmer machine.
      for (const path of round % 2 ? ["/proba", "/constant"] : ["/constant", "/proba"]) {
        const used = process.cpuUsage();
        loader.send({ port, path, body });
        const [answer] = await once(loader, "message");
        const { user, system } = process.cpuUsage(used);
        found[path] = { ...answer, cpu: (user + system) / (answer.perSecond * seconds) };
      }
      ratios.push(found["/proba"].perSecond / found["/constant"].perSecond);
      const show = ({ perSecond, p50, p99, cpu }) => `${perSecond.toFixed(0)} /s, p50 ${p50.toFixed(2)}, p99 ${p99.toFixed(2)} ms, ${cpu.toFixed(1)} CPU-µs`;
      console.log(`${learner}, round ${round}: constant ${show(found["/constant"])}; proba ${show(found["/proba"])}; ratio ${ratios.at(-1).toFixed(3)}`);
    }
    ratios.sort((a, b) => a - b);
    console.log(`${learner}: the route that predicts has ${(100 * ratios[ratios.length >> 1]).toFixed(1)} % of the constant one (median of ${rounds})`);
    await app.close();
  }
  loader.disconnect();
}
