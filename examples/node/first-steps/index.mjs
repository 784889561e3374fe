// Train on the embedded employees, keep the model in a file, load it as a service would, and score one person.
//
//   node index.mjs [file to write]
import { tmpdir } from "node:os";
import { join } from "node:path";
import { datasets, Model, train } from "attrition";

const path = process.argv[2] ?? join(tmpdir(), "first-steps.model");

const employees = await datasets.employees({ nRows: 1470, seed: 0 });
const trained = await train(employees, {
  target: "Attrition",
  positive: "Yes",
  sensitive: ["Gender"],
  onProgress: ({ stage, done, total }) => process.stderr.write(`${stage} ${done}/${total}\n`),
});
const { roc_auc: auc } = trained.training.holdout;
console.log(`ROC-AUC on the hold-out ${auc.value.toFixed(3)}, 95 % interval ${auc.low.toFixed(3)} to ${auc.high.toFixed(3)}`);
await trained.save(path);

const model = Model.loadSync(path);
const person = { Age: 29, OverTime: "Yes", YearsAtCompany: 1, MonthlyIncome: 2800 };
const { proba, label, warnings } = model.predictOne(person);
console.log(`P(leaves) ${proba.toFixed(3)}: ${label}, with ${warnings.length} gaps filled`);

const parts = Object.entries(model.contributions(person)).filter(([column]) => column !== "(base)");
const strongest = parts.sort(([, a], [, b]) => Math.abs(b) - Math.abs(a)).slice(0, 3);
console.log(`strongest: ${strongest.map(([column, x]) => `${column} ${x > 0 ? "+" : ""}${x.toFixed(2)}`).join(", ")}`);
