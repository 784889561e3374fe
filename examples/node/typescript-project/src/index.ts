// Trains with typed options, scores typed rows, and tells errors apart by their code.
import { type AttritionError, datasets, type Model, train, type TrainOptions } from "attrition";
import type { Employee } from "./employee.js";

const options: TrainOptions = {
  target: "Attrition",
  positive: "Yes",
  id: "EmployeeNumber",
  sensitive: ["Gender"],
  learner: "boosting",
  // The learner names which parameters there are.
  params: { nTrees: 50, maxLeaves: 8, monotone: { YearsAtCompany: -1 } },
  signal: AbortSignal.timeout(60_000),
};

const model: Model<Employee> = await train<Employee>(await datasets.employees({ nRows: 1000, seed: 0 }), options);

const people: Employee[] = [
  { Age: 29, OverTime: "Yes", MonthlyIncome: 2800, YearsAtCompany: 1 },
  { Age: 51, OverTime: "No", MonthlyIncome: 9200, YearsAtCompany: 20 },
];
const scores = await model.predictProba(people);
people.forEach((person, i) => console.log(`${person.Age} years, overtime ${person.OverTime}: ${scores[i]!.toFixed(3)}`));

const [strongest] = Object.entries(model.importances());
console.log(`most asked for: ${strongest?.[0]}`);

function isAttritionError(error: unknown): error is AttritionError {
  return error instanceof Error && typeof (error as Partial<AttritionError>).code === "string";
}

try {
  // What comes from outside has the type that somebody claims.
  model.probaOne(JSON.parse('{ "Age": "twenty-nine" }') as Employee);
} catch (error) {
  if (!isAttritionError(error) || error.code !== "ATTRITION_SCHEMA_MISMATCH") throw error;
  console.log(`refused: ${error.problems?.map(({ column, expected }) => `${column} must be ${expected}`).join("; ")}`);
}
