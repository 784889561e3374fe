// Every learner's parameters: camelCase here, snake_case in the core, the same values.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import { train } from "attrition";
import { people, target } from "./data.mjs";

const require = createRequire(import.meta.url);
const { learnerSpecs } = require("../attrition.node");
const { learnerNames } = require("../dist/params.js");

const camel = (name) => name.replace(/_(.)/g, (_, c) => c.toUpperCase());
const rows = people(240, 5).map(({ Age, OverTime, Attrition }, i) => ({ Age, OverTime, Years_In_Role: (i * 7) % 11, Attrition }));
const fit = (options) => train(rows, { ...target, cv: null, holdout: null, ...options });
const refused = (message) => ({ code: "ATTRITION_INVALID_PARAM", message });

for (const [learner, specs] of Object.entries(learnerSpecs())) {
  test(`${learner} takes every parameter in camelCase and gives it back`, async () => {
    assert.ok(learnerNames.includes(learner));
    const params = Object.fromEntries(specs.map((spec) => [camel(spec.name), JSON.parse(spec.default)]));
    if ("nTrees" in params) params.nTrees = 7;
    const model = await fit({ learner, params });
    assert.deepEqual(Object.keys(model.params).sort(), Object.keys(params).sort());
    for (const [name, value] of Object.entries(params)) {
      // "auto" is given back as what the rule took.
      if (value !== "auto") assert.deepEqual(model.params[name], value, name);
    }
    const inSnake = Object.fromEntries(specs.map((spec) => [spec.name, params[camel(spec.name)]]));
    assert.equal((await fit({ learner, params: inSnake })).digest, model.digest);
  });
}

test("names that are data stay as they are", async () => {
  const model = await fit({ learner: "boosting", params: { nTrees: 20, monotone: { Years_In_Role: 1 } } });
  assert.deepEqual(model.params.monotone, { Years_In_Role: 1 });
  const weights = await fit({ params: { classWeight: { negative: 1, positive: 3 } } });
  assert.deepEqual(weights.params.classWeight, { negative: 1, positive: 3 });
});

test("several learners take theirs by learner, and the leaderboard has them", async () => {
  const params = { logistic: { maxIter: 77 }, tree: { max_leaves: 5 } };
  const model = await train(rows, { ...target, learner: ["logistic", "tree"], params, cv: 3 });
  const of = (name) => model.training.leaderboard.find((c) => c.learner === name).params;
  assert.equal(of("logistic").maxIter, 77);
  assert.equal(of("tree").maxLeaves, 5);
  for (const { params } of model.training.leaderboard) {
    assert.deepEqual(Object.keys(params).filter((name) => name.includes("_")), []);
  }
});

test("a blend names its members' parameters in camelCase", async () => {
  const path = new URL("../../tests/artifacts/v1/", import.meta.url);
  const { readdirSync } = await import("node:fs");
  const { Model } = await import("attrition");
  for (const name of readdirSync(path).filter((n) => n.endsWith(".attrition"))) {
    const { params } = await Model.load(new URL(name, path).pathname);
    for (const p of params.members?.map((m) => m.params) ?? [params]) {
      assert.deepEqual(Object.keys(p).filter((key) => key.includes("_")), [], name);
    }
  }
});

test("what is refused is named as it was written", async () => {
  await assert.rejects(fit({ params: { maxItr: 5 } }), refused(/`maxItr`.*maxIter.*did you mean `maxIter`/));
  await assert.rejects(fit({ params: { maxIter: 0 } }), (e) => {
    assert.equal(e.param, "maxIter");
    assert.match(e.stack, /`maxIter`: got 0/);
    return true;
  });
  await assert.rejects(fit({ params: { max_itr: 5 } }), refused(/`max_itr`.*did you mean `maxIter`/));
  await assert.rejects(fit({ params: { maxIter: 5, max_iter: 6 } }), refused(/twice, as maxIter and as max_iter/));
  await assert.rejects(fit({ onUnsen: "error" }), refused(/`onUnsen`.*`onUnseen`/));
  await assert.rejects(fit({ onUnseen: "eror" }), refused(/onUnseen/));
  await assert.rejects(fit({ onUnseen: "error", on_unseen: "error" }), refused(/twice/));
  await assert.rejects(fit({ params: 5 }), refused(/params/));
});

test("a search says what it tried", async () => {
  const options = { learner: "tree", cv: 3, trials: 6, search: { sampler: "random", cacheMb: 1 } };
  const { training } = await fit(options);
  assert.deepEqual(training.trials.map((t) => t.number), [0, 1, 2, 3, 4, 5]);
  const best = training.trials.filter((t) => t.state === "complete").sort((a, b) => b.score - a.score)[0];
  assert.equal(training.leaderboard[0].params.maxLeaves, best.params["tree.max_leaves"]);
  await assert.rejects(fit({ ...options, search: { samples: 1 } }), refused(/samples/));
});
