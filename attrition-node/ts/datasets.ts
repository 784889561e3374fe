import { type CallOptions, enter } from "./call";
import { native } from "./native";
import { coreJson } from "./options";
import { Table } from "./table";

/** Options of `employees`. */
export interface EmployeesOptions extends CallOptions {
  nRows?: number;
  /** The same seed gives the same table, in every language. */
  seed?: number | bigint;
  /** Adds the column `TrueProbability`: a leak if a model sees it. */
  truth?: boolean;
  /** Groups that leave more often (`risk`, added to the true log-odds), or whose labels are turned over (`label`, a share). */
  bias?: readonly { column: string; group: string; risk?: number; label?: number }[];
  /** Columns that moved: by `shift` standard deviations, or a `category`'s share by `shift` share points. */
  drift?: readonly { column: string; category?: string; shift: number }[];
  /** Gaps at a `rate` in [0, 1]; in all features, or in the given columns. */
  missing?: { rate: number; columns?: readonly string[]; mechanism?: "completely_at_random" | "at_random" } | null;
}

/** Employees who never were, with the target `Attrition` ("Yes", "No"); a known truth and realistic columns. */
export async function employees(options: EmployeesOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.employees(coreJson(options), call)));
}
