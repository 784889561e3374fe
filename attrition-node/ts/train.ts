import { Breather, type CallOptions, enter } from "./call";
import { type FieldKind, type FoldFact, type Label, type MetricFact, Model, type Schema } from "./model";
import { type Native, native } from "./native";
import { coreJson } from "./options";
import type { LearnerName, LearnerParams } from "./params";
import { Source } from "./source";
import { type Data, isBatches, nativeTable, quiet, type Row } from "./table";

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

/** The learner, and parameters that are its own. */
export type LearnerChoice =
  | {
      /** A list of names to choose from, or `"auto"` (the default): the best of its candidates, or a blend of them. */
      learner?: "auto" | readonly LearnerName[];
      /** Parameters by learner. */
      params?: { readonly [L in LearnerName]?: LearnerParams[L] } | null;
    }
  | {
      [L in LearnerName]: {
        /** A learner's name. */
        learner: L;
        /** The learner's parameters; those not given have their defaults. */
        params?: LearnerParams[L] | null;
      };
    }[LearnerName];

/** Options of `crossValidate`. */
export type CrossValidateOptions = Judging & LearnerChoice;

/** Options of `train`. */
export type TrainOptions = CrossValidateOptions & Holdout;

/** What `train` and `crossValidate` are told of the data and of how to judge. */
export interface Judging extends CallOptions {
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
  /** Trials of the search for the learner, its parameters and the pipeline; 0 (the default) trains the documented defaults. */
  trials?: number;
  /** How they are searched. */
  search?: SearchOptions;
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

/** How `trials` are searched. */
export interface SearchOptions {
  sampler?: "auto" | "tpe" | "gp" | "random" | "sobol";
  /** Whether a trial whose first folds make it unlikely to win is stopped; default `true`. */
  prune?: boolean;
  /** Whether the pipeline is searched too, for learners that see numbers alone; default `true`. */
  preprocess?: boolean;
  /**
   * `"nested"`: each fold is judged by a search within its training rows; `"corrected"`: by the folds that chose, less a
   * correction for the choice; `"auto"` (the default): nested where no rows are held out.
   */
  estimate?: "auto" | "nested" | "corrected";
  /** No trial is begun after so long. */
  maxSeconds?: number | null;
  /** Memory for pipelines that later trials use again, in 10⁶ bytes; never changes a result. */
  cacheMb?: number;
}

/** Rows held out from training. */
export interface Holdout {
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
  return new Model<R>(await enter(options, (call) => native.train(given, json, call)));
}

/** Cross-validates. `folds` holds each row's test fold, negative = never tested; it takes the place of `cv`. */
export async function crossValidate(
  data: Data,
  { folds, ...options }: CrossValidateOptions & { folds?: ArrayLike<number | bigint> },
): Promise<CrossValidation> {
  const json = coreJson(options);
  const ids = folds && (await foldIds(folds, options.signal));
  const given = await columns(data, options);
  return (await enter(options, (call) => native.crossValidate(given, json, ids, call))) as CrossValidation;
}

async function foldIds(folds: ArrayLike<number | bigint>, signal?: AbortSignal): Promise<BigInt64Array> {
  const ids = new BigInt64Array(folds.length);
  const breather = new Breather(signal);
  for (let i = 0; i < ids.length; i++) {
    ids[i] = BigInt(folds[i]);
    if (i % 1024 === 1023 && breather.isDue) await breather.breathe();
  }
  return ids;
}

/** A table in memory; of batches the rows on disk. */
async function columns(data: Data, options: CallOptions): Promise<Native.Table | Native.Spool> {
  if (!isBatches(data)) return nativeTable(data, quiet(options));
  return (data instanceof Source ? data : Source.from(data)).spool({ ...quiet(options), onProgress: options.onProgress });
}
