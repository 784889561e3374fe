// probaOne of an object of 30 fields, µs a call: p50 and p99 over single calls, and p50 over batches of 20.
//
// node benches/node/one_row.mjs
//
// Single calls are timed one by one, so that the clock's own cost (shown) is in them.

import { datasets, train } from "../../attrition-node/dist/index.mjs";

const employees = await datasets.employees({ nRows: 1470, seed: 0 });
const rows = Array.from({ length: 1000 }, (_, i) => {
  const { Attrition: _left, EmployeeNumber: _number, ...row } = employees.row(i);
  return row;
});

function quantiles(call, n, each) {
  const times = new Float64Array(n);
  for (let i = 0; i < n; i += 1) {
    const start = process.hrtime.bigint();
    for (let k = 0; k < each; k += 1) call(rows[(i * each + k) % rows.length]);
    times[i] = Number(process.hrtime.bigint() - start) / 1000 / each;
  }
  times.sort();
  return `p50 ${times[n >> 1].toFixed(2)} µs, p99 ${times[Math.floor(n * 0.99)].toFixed(2)} µs`;
}

console.log(`the clock alone: ${quantiles(() => {}, 200_000, 1)}`);
for (const [learner, params] of [["logistic", {}], ["boosting", { nTrees: 200, maxLeaves: 31, minLeafRows: 5, learningRate: 0.05, earlyStopping: null }]]) {
  const model = await train(employees, { target: "Attrition", positive: "Yes", id: "EmployeeNumber", learner, params, cv: null, calibration: null });
  const fields = Object.keys(rows[0]).length;
  for (const name of ["probaOne", "predictOne"]) {
    const call = (row) => model[name](row);
    quantiles(call, 50_000, 1);
    console.log(`${learner} ${name}(object of ${fields} fields): single calls ${quantiles(call, 200_000, 1)}; means of 20 ${quantiles(call, 20_000, 20)}`);
  }
}
