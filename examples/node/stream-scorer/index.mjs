// Scores records as they come, one JSON object a line in, one line out, for a file or a pipe of any length in bounded memory.
//
//   node index.mjs attrition.model < employees.ndjson > scores.ndjson
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Model } from "attrition";

const model = await Model.load(process.argv[2] ?? "attrition.model");

/** The lines of a stream as batches of rows. A line that is no object ends the work, with its number. */
async function* batches(input, size = 1000) {
  let rows = [];
  let line = 0;
  for await (const text of createInterface({ input, crlfDelay: Infinity })) {
    line += 1;
    if (text.trim() === "") continue;
    try {
      rows.push(JSON.parse(text));
    } catch (cause) {
      throw new Error(`line ${line} is no JSON: ${cause.message}`, { cause });
    }
    if (rows.length === size) {
      yield rows;
      rows = [];
    }
  }
  if (rows.length > 0) yield rows;
}

let n = 0;
try {
  // The next batch is read when the scores of the last one are written: a slow reader slows the whole pipe down.
  for await (const scores of model.predictProbaBatches(batches(process.stdin))) {
    const lines = Array.from(scores, (proba) => JSON.stringify({ proba, label: proba >= model.threshold ? model.labels[1] : model.labels[0] }));
    if (!process.stdout.write(`${lines.join("\n")}\n`)) await once(process.stdout, "drain");
    n += scores.length;
  }
  console.error(`${n} records scored by ${model.learner} ${model.digest.slice(0, 12)}`);
} catch (error) {
  console.error(`${error.code ?? "ERROR"}: ${error.message}`);
  process.exitCode = 1;
}
