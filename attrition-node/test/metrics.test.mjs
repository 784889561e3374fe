import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test } from "node:test";
import { metrics } from "attrition";
import { shared } from "./shared.mjs";

const { metricNames } = createRequire(import.meta.url)("../attrition.node");

test("every metric of the core has its function", async () => {
  for (const name of metricNames()) {
    const camel = name.replace(/_(\w)/g, (_, c) => c.toUpperCase());
    assert.equal(typeof metrics[camel], "function", camel);
    const y = [true, false, true, false];
    const p = Float32Array.from([0.75, 0.5, 0.25, 0.125]);
    assert.equal(await metrics[camel](y, p), (await metrics.estimate(name, [1, 0, 1, 0], [0.75, 0.5, 0.25, 0.125])).value);
  }
});

test("values equal the reference", async (t) => {
  const path = shared(t, "reference/classification_metrics.json");
  if (!path) return;
  const { cases } = JSON.parse(readFileSync(path, "utf8"));
  let compared = 0;
  for (const { y, p, w, weighted, scores, at_threshold: at } of cases) {
    const sampleWeight = weighted ? w : undefined;
    const compare = async (name, expected, threshold) => {
      const { value } = await metrics.estimate(name, y, p, { sampleWeight, threshold });
      assert.ok(Math.abs(value - expected) <= 1e-10, `${name}: ${value} against ${expected}`);
      compared += 1;
    };
    for (const [name, expected] of Object.entries(scores)) await compare(name, expected);
    for (const [threshold, values] of Object.entries(at)) {
      for (const name of metricNames()) if (name in values) await compare(name, values[name], Number(threshold));
    }
  }
  assert.ok(compared > 50, `${compared} values compared`);
});
