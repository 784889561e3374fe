import { type CallOptions, enter } from "./call";
import { type FieldKind, type FoldFact, type Label, type MetricFact, Model, type Schema } from "./model";
import { type Native, native } from "./native";
import { coreJson } from "./options";
import { type Data, isSource, nativeTable, type Row } from "./table";

/** What is done to a column; what is not said is left to its kind's setting, and that to the default. */
export interface ColumnSteps {
  /** The column is no input itself; expressions may still read it. */
  drop?: boolean;
  impute?: "median" | "mean" | "mode" | "level" | { constant: string | number | boolean };
  /** Whether a feature that is 1 at a gap is added where training had gaps. */
  indicator?: boolean;
  /** Quantiles to which numbers are clipped. */
  clip?: readonly [number, number] | null;
  transform?: "none" | "log1p" | "box_cox" | "yeo_johnson" | "quantile_normal";
  /** Transform only where the absolute skewness is above this. */
  skewLimit?: number | null;
  scale?: "standard" | "min_max" | "robust" | "none";
  spline?: { nKnots?: number; degree?: number } | null;
  encode?: "one_hot" | "ordinal" | "target" | "frequency";
  dropFirst?: boolean;
  maxLevels?: number;
  /** Levels in a smaller share of the rows become one group. */
  minShare?: number;
  /** The levels of an ordinal column, lowest first. */
  order?: readonly string[] | null;
  /** Of target encoding: `"auto"`, or so many rows of the overall rate. */
  smoothing?: "auto" | number;
  onUnseen?: "ignore" | "error";
}

/** How many features stay: a number, or a share in (0, 1). */
export type Keep = number;

/** What is done before the learner sees the rows; see the guide on preprocessing. */
export interface Preprocess {
  /** Features derived from others: expressions by name. */
  derive?: Readonly<Record<string, string>>;
  /** Derive the built-in features of HR tables, as far as their columns are there. */
  hrFeatures?: boolean;
  /** For all numbers, truth values and dates. */
  number?: ColumnSteps;
  /** For all categories. */
  category?: ColumnSteps;
  /** For single columns by name. */
  columns?: Readonly<Record<string, ColumnSteps>>;
  select?:
    | { method: "variance"; threshold?: number }
    | { method: "correlation"; limit?: number }
    | { method: "mutual_information" | "importance"; keep?: Keep }
    | { method: "l1"; c?: number }
    | { method: "rfe"; keep?: Keep; step?: number }
    | null;
  resample?:
    | { method: "over" | "under"; ratio?: number }
    | { method: "smote_nc"; ratio?: number; kNeighbors?: number }
    | null;
}

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
  /** A learner's name, a list of names to choose from, or `"auto"`: the best of its candidates, or a blend of them. */
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
  /** What is done to each column before the learner sees it, where it is not the default. */
  preprocess?: Preprocess;
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

/**
 * Trains a model. A `Source` is read once and waits on disk (in the system's folder for temporary files), column by column, so
 * that a table that does not fit in memory can be trained on; the model is that of the whole table, to the last byte.
 */
export async function train<R extends object = Row>(data: Data, options: TrainOptions): Promise<Model<R>> {
  const json = coreJson(options);
  const given = await columns(data, options);
  return new Model<R>(await enter(callOptions(options), (call) => native.train(given, json, call)));
}

/** Cross-validates. `folds` holds each row's test fold, negative = never tested; it takes the place of `cv`. */
export async function crossValidate(
  data: Data,
  { folds, ...options }: CrossValidateOptions & { folds?: ArrayLike<number | bigint> },
): Promise<CrossValidation> {
  const json = coreJson(options);
  const ids = folds && BigInt64Array.from({ length: folds.length }, (_, i) => BigInt(folds[i]));
  const given = await columns(data, options);
  const call = enter(callOptions(options), (call) => native.crossValidate(given, json, ids, call));
  return (await call) as CrossValidation;
}

/** A table in memory; of a source its batches on disk. */
async function columns(data: Data, options: CallOptions): Promise<Native.Table | Native.Spool> {
  return isSource(data) ? data.spool(callOptions(options)) : nativeTable(data, options.signal);
}

function callOptions({ signal, onProgress, nThreads }: CallOptions): CallOptions {
  return { signal, onProgress, nThreads };
}
