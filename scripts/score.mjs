// Scores rows.json with attrition.model, both in the folder given, and writes scores.node.bin (float64, little-endian).
//
// Every row is scored twice, in a batch and alone; the two must be equal to the last bit.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Model } from "../attrition-node/dist/index.mjs";

export async function score(folder) {
  const model = await Model.load(join(folder, "attrition.model"));
  const rows = JSON.parse(readFileSync(join(folder, "rows.json"), "utf8"));
  const batch = await model.predictProba(rows);
  rows.forEach((row, i) => {
    const single = model.probaOne(row);
    if (!Object.is(single, batch[i])) throw new Error(`row ${i}: ${batch[i]} in a batch, ${single} alone`);
  });
  return batch;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const folder = process.argv[2];
  const scores = await score(folder);
  const bytes = Buffer.alloc(scores.length * 8);
  scores.forEach((p, i) => bytes.writeDoubleLE(p, i * 8));
  writeFileSync(join(folder, "scores.node.bin"), bytes);
  const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
  console.log(`Node   scored ${scores.length} rows, mean ${mean.toFixed(4)}`);
}
