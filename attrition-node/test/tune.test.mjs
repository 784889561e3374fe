// Studies from Node: what crosses the border, jobs, failures, journals; the trials are those of every language.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Study, TrialPruned } from "attrition";

const folder = mkdtempSync(join(tmpdir(), "attrition-"));
after(() => rmSync(folder, { recursive: true }));

const space = {
  rate: { type: "float", low: 1e-4, high: 1, log: true },
  depth: { type: "int", low: 2, high: 10 },
  kind: { type: "choice", options: ["a", "b"] },
  ratio: { type: "float", low: 0, high: 1, when: { kind: "b" } },
};
const cost = ({ params }) => (Math.log10(params.rate) + 2) ** 2 + Math.abs(params.depth - 6) / 4 + (params.ratio ?? 1);

test("a search finds the minimum, and ask and tell are the same", async () => {
  const study = new Study(space, { seed: 1 });
  const events = [];
  await study.optimize(cost, { nTrials: 40, onProgress: (e) => events.push(e) });
  assert.deepEqual([study.bestParams.kind, study.bestParams.depth], ["b", 6]);
  assert.ok(study.bestValue < 0.2);
  assert.deepEqual(events.at(-1), { stage: "tune", done: 40, total: 40 });
  const again = new Study(space, { seed: 1 });
  for (let i = 0; i < 40; i++) {
    const trial = await again.ask();
    assert.equal(trial.state, "running");
    assert.equal("ratio" in trial.params, trial.params.kind === "b");
    await again.tell(trial, cost(trial));
  }
  assert.deepEqual(again.trials, study.trials);
  assert.deepEqual(Object.keys(await study.importance()).sort(), Object.keys(space).sort());
});

test("jobs overlap, and a lag makes the trials equal", async () => {
  const run = async (nJobs) => {
    const study = new Study(space, { seed: 2, lag: 3 });
    let running = 0;
    let most = 0;
    await study.optimize(
      async (trial) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, trial.number % 3));
        running -= 1;
        return cost(trial);
      },
      { nTrials: 18, nJobs },
    );
    return { trials: study.trials, most };
  };
  const [one, three] = [await run(1), await run(3)];
  assert.deepEqual([one.most, three.most > 1], [1, true]);
  assert.deepEqual(three.trials, one.trials);
});

test("failures are a state with their error, and a pruned trial has no value", async () => {
  const study = new Study(space, { pruner: { type: "wilcoxon", minSteps: 3 } });
  await study.optimize(
    (trial) => {
      trial.note("twice", [trial.number, trial.number]);
      if (trial.number % 4 === 0) throw new TypeError("no rows");
      if (trial.number % 4 === 1) return NaN;
      if (trial.number % 4 === 2) {
        assert.equal(trial.report(0, 1), false);
        throw new TrialPruned();
      }
      return trial.number === 7 ? undefined : cost(trial);
    },
    { nTrials: 8 },
  );
  const { trials } = study;
  assert.deepEqual(trials.map((t) => t.state), ["failed", "failed", "pruned", "complete", "failed", "failed", "pruned", "failed"]);
  assert.match(trials[0].error, /TypeError: no rows/);
  assert.match(trials[1].error, /NaN/);
  assert.match(trials[7].error, /undefined/);
  assert.deepEqual([trials[2].reports, trials[2].notes, trials[2].values], [{ 0: 1 }, { twice: [2, 2] }, []]);
  const none = new Study(space).optimize(() => NaN, { nTrials: 2 });
  await assert.rejects(none, (e) => e.code === "ATTRITION_INVALID_DATA" && /none of them complete/.test(e.message));
});

test("a journal is resumed", async () => {
  const path = join(folder, "study.journal");
  const whole = new Study(space, { seed: 3 });
  await whole.optimize(cost, { nTrials: 14 });
  const study = await Study.open(path, space, { seed: 3 });
  await study.optimize(cost, { nTrials: 10 });
  const loaded = await Study.load(path);
  await loaded.optimize(cost, { nTrials: 4 });
  assert.deepEqual(loaded.trials, whole.trials);
  study.refresh();
  assert.deepEqual(study.trials, whole.trials);
  await assert.rejects(Study.open(path, space, { seed: 4 }), { code: "ATTRITION_INVALID_PARAM" });
});

test("spaces grow, trials are given, objectives are several", async () => {
  const study = new Study({ n: { type: "int", low: 1, high: 4 } });
  assert.equal(study.enqueue({ n: 4 }), 0);
  await study.optimize(({ params }) => -params.n, { nTrials: 6 });
  study.setSpace({ n: { type: "int", low: 1, high: 50 } });
  await study.optimize(({ params }) => -params.n, { nTrials: 15 });
  assert.ok(study.bestParams.n > 45);
  assert.deepEqual(study.trials[0].params, { n: 4 });
  const two = new Study({ x: { type: "float", low: 0, high: 1 } }, { direction: ["minimize", "maximize"] });
  await two.optimize(({ params }) => [params.x, params.x ** 2], { nTrials: 12 });
  assert.equal(two.paretoFront.length, 12);
  const covered = two.hypervolume([1, 0]);
  assert.ok(covered > 0 && covered < 1);
  assert.throws(() => two.bestValue, { code: "ATTRITION_UNSUPPORTED" });
});

test("wrong input is a clear error, and aborting leaves the trial in flight waiting", async () => {
  assert.throws(() => new Study({}), { code: "ATTRITION_INVALID_PARAM" });
  assert.throws(() => new Study(space, { sampler: "best" }), { code: "ATTRITION_INVALID_PARAM" });
  assert.throws(() => new Study({ x: { type: "float", low: 1, high: 0 } }), /x\.low/);
  const study = new Study(space, { sampler: "random" });
  await assert.rejects(study.tell(3, 1), { code: "ATTRITION_NOT_FOUND" });
  const stop = new AbortController();
  const run = study.optimize(
    async (trial) => {
      if (trial.number === 3) {
        stop.abort();
        throw new Error("given up");
      }
      return cost(trial);
    },
    { nTrials: 50, signal: stop.signal },
  );
  await assert.rejects(run, { name: "AbortError", code: "ATTRITION_CANCELLED" });
  assert.deepEqual(study.trials.map((t) => t.state), ["complete", "complete", "complete", "waiting"]);
});
