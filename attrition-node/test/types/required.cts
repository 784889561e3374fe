// CommonJS in TypeScript: the same types by `require`.
import attrition = require("attrition");

const model: attrition.Model<{ Age: number }> = attrition.Model.loadSync("a.model");
const proba: number = model.probaOne({ Age: 29 });
// @ts-expect-error a value of another type
model.probaOne({ Age: "29" });
const options: attrition.TrainOptions = { target: "Attrition", learner: "forest", params: { nTrees: 10 } };
console.log(proba, options, attrition.metrics.rocAuc, attrition.drift.Profile);
