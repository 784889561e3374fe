import { type CallOptions, enter } from "./call";
import { type FieldKind, type FoldFact, type Label, type MetricFact, Model, type Schema } from "./model";
import { native } from "./native";
import { coreJson } from "./options";
import { type Data, nativeTable, type Row } from "./table";

/** Options of `crossValidate`. Names are those of the core in camelCase; see its `TrainOptions` for the defaults. */
export interface CrossValidateOptions extends CallOptions {
  /** The column to predict. */
  target?: string;
  /** The label whose probability is predicted, by value; needed unless the labels are {0, 1} or booleans. */
  positive?: Label;
  /** Columns that name rows. */
  id?: string | readonly string[] | null;
  /** Protected attributes: audited, never inputs. */
  sensitive?: string | readonly string[] | null;
  /** Columns that are not used. */
  exclude?: string | readonly string[] | null;
  /** Rows of a group stay on one side of every split. */
  group?: string | null;
  /** Rows are split forward in time. */
  time?: string | null;
  /** Row weights. */
  weight?: string | null;
  /** Kinds by column, where the guess is to be overruled. */
  kinds?: Readonly<Record<string, FieldKind>>;
  /** A whole schema instead of the inferred one. */
  schema?: Schema | null;
  /** A learner's name, or a list of names to choose from. */
  learner?: string | readonly string[];
  /** The learner's parameters, by their names in the core; for `auto` or a list, by learner. */
  params?: Readonly<Record<string, unknown>> | null;
  /** Trials of the parameter search. */
  trials?: number;
  /** What chooses between learners. */
  metric?: string;
  /** Folds, or `null` for none. */
  cv?: number | null;
  calibration?: "auto" | "sigmoid" | "isotonic" | "none" | null;
  /** `"f2"`, `"f1"`, a number, or `null` for 0.5. */
  threshold?: string | number | null;
  /** What predict does with an unseen level. */
  onUnseen?: "ignore" | "error";
  seed?: number | bigint;
}

/** Options of `train`. */
export interface TrainOptions extends CrossValidateOptions {
  /** Share of rows held out, or `null` for none. */
  holdout?: number | null;
  /** `"all"` fits the final model on all rows, after the hold-out has judged it. */
  refit?: "train" | "all";
}

/** The result of a cross-validation. */
export interface CrossValidation {
  /** Out-of-fold probability of every row, in row order; NaN for rows in no test fold. */
  predictions: Float64Array;
  /** Every metric by name, one value a fold; NaN where a fold's rows leave it undefined. */
  scores: Record<string, number[]>;
  /** The threshold used in each fold, chosen on the others. */
  thresholds: number[];
  /** Metrics of all tested rows together, with intervals. */
  metrics: Record<string, MetricFact>;
  /** The learner used in each fold. */
  learners: string[];
  folds: FoldFact[];
}

/** Trains a model. */
export async function train<R extends object = Row>(data: Data, options: TrainOptions): Promise<Model<R>> {
  const json = coreJson(options);
  const table = await nativeTable(data, options.signal);
  return new Model<R>(await enter(callOptions(options), (call) => native.train(table, json, call)));
}

/** Cross-validates. `folds` holds each row's test fold, negative = never tested; it takes the place of `cv`. */
export async function crossValidate(
  data: Data,
  { folds, ...options }: CrossValidateOptions & { folds?: ArrayLike<number | bigint> },
): Promise<CrossValidation> {
  const json = coreJson(options);
  const ids = folds && BigInt64Array.from({ length: folds.length }, (_, i) => BigInt(folds[i]));
  const table = await nativeTable(data, options.signal);
  const call = enter(callOptions(options), (call) => native.crossValidate(table, json, ids, call));
  return (await call) as CrossValidation;
}

function callOptions({ signal, onProgress, nThreads }: CallOptions): CallOptions {
  return { signal, onProgress, nThreads };
}
