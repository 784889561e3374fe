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
const problems: Problem[] = [];
console.log(one.warnings[0].kind === "unseen", all, low, scores, reasons, problems);
