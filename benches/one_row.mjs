// One row from a JavaScript object, µs: p50 and p99 over batches of 20 calls.
//
// node benches/one_row.mjs MODEL ROWS.json     (files of `make demo` will do)

import { readFileSync } from "node:fs";

import { Model } from "../attrition-node/dist/index.mjs";

const [model, rows] = [Model.loadSync(process.argv[2]), JSON.parse(readFileSync(process.argv[3], "utf8")).slice(0, 1000)];

function quantiles(call, n = 20_000) {
  const times = [];
  for (let i = 0; i < n; i += 1) {
    const start = process.hrtime.bigint();
    for (let k = 0; k < 20; k += 1) call(rows[(i * 20 + k) % rows.length]);
    times.push(Number(process.hrtime.bigint() - start) / 20_000);
  }
  times.sort((a, b) => a - b);
  return [times[n / 2], times[Math.floor(n * 0.99)]];
}

for (const name of ["probaOne", "predictOne"]) {
  const call = (row) => model[name](row);
  quantiles(call, 2000);
  const [p50, p99] = quantiles(call);
  console.log(`${name}(object of ${Object.keys(rows[0]).length} fields): p50 ${p50.toFixed(2)} µs, p99 ${p99.toFixed(2)} µs`);
}
