import { crossValidate, datasets, Model, readCsv, type Prediction, type Problem, train, type TrainOptions } from "attrition";

interface Employee {
  Age: number;
  OverTime?: "Yes" | "No" | null;
}

const options: TrainOptions = { target: "Attrition", positive: "Yes", sensitive: ["Gender"], cv: null, threshold: "f2", seed: 1n };
const untyped: Model = await train(await datasets.employees({ nRows: 100 }), options);
untyped.probaOne({ anything: 1 });

const model: Model<Employee> = await Model.load<Employee>("a.model", { signal: AbortSignal.timeout(1000) });
const proba: number = model.probaOne({ Age: 29, OverTime: "Yes" });
// @ts-expect-error a misspelt key of a typed row
model.probaOne({ Age: 29, Overtime: "Yes" });
// @ts-expect-error a value of another type
model.probaOne({ Age: "29" });
const one: Prediction = model.predictOne({ Age: proba });
const all: Float64Array = await model.predictProba([{ Age: 29 }]);
await model.predictProba({ Age: new Float64Array(1), OverTime: ["Yes", null] });
const low: number | null = (await model.evaluate(await readCsv("a.csv"))).metrics.roc_auc.low;
const cv = await crossValidate([{ a: 1 }], { target: "a", folds: [0, 1, -1] });
const scores: number[] = cv.scores.roc_auc;
// @ts-expect-error an option that does not exist
await train([], { target: "a", treshold: 0.5 });
const shaped = await train([], { target: "a", preprocess: { number: { skewLimit: null }, columns: { b: { spline: { nKnots: 4 } } } } });
const reasons: string[] | undefined = shaped.pipeline.selection?.features.map((f) => f.reason);
// @ts-expect-error a step that does not exist
await train([], { target: "a", preprocess: { number: { skew_limit: 1 } } });
// @ts-expect-error a parameter of another method
await train([], { target: "a", preprocess: { select: { method: "l1", keep: 3 } } });
await train([], { target: "a", learner: "boosting", params: { nTrees: "auto", maxDepth: null, monotone: { a: -1 } } });
await train([], { target: "a", learner: ["logistic", "tree"], params: { logistic: { maxIter: 5 }, tree: { maxLeaves: 4 } } });
await train([], { target: "a", params: { glassbox: { smoothness: 2 } } });
// @ts-expect-error a learner that does not exist
await train([], { target: "a", learner: "bosting" });
// @ts-expect-error a parameter of another learner
await train([], { target: "a", learner: "logistic", params: { nTrees: 3 } });
// @ts-expect-error a value that is none
await train([], { target: "a", learner: "logistic", params: { penalty: "l3" } });
// @ts-expect-error the core's spelling
await train([], { target: "a", learner: "boosting", params: { n_trees: 3 } });
// @ts-expect-error parameters of a list go by learner
await train([], { target: "a", learner: ["logistic", "tree"], params: { maxIter: 5 } });
const trees: number | "auto" | undefined = model.params.nTrees;
const members: number[] | undefined = shaped.params.members?.map((member) => member.weight);
async function* stream() {
  yield [{ Age: 29 }];
}
const streamed: Float64Array = await model.predictProba(stream(), { onProgress: ({ done }) => console.log(done) });
for await (const scores of model.predictProbaBatches(stream())) console.log(scores.length);
async function* wrong() {
  yield [{ Agee: 29 }];
}
// @ts-expect-error a misspelt key in a batch
model.predictProbaBatches(wrong());
model[Symbol.dispose]();
console.log(trees, members, streamed);
const problems: Problem[] = [];
console.log(one.warnings[0].kind === "unseen", all, low, scores, reasons, problems);
