import { Breather, enter } from "./call";
import { native } from "./native";
import { inSlices, type Sliced } from "./table";

/** Labels: 1 and 0, or `true` and `false`. */
export type Labels = ArrayLike<number | boolean | bigint>;

/** Numbers, one a row. */
export type Numbers = ArrayLike<number>;

/** A value with its 95 % interval; an end is absent where the interval is not defined. */
export interface Estimate {
  value: number;
  low?: number;
  high?: number;
}

/** What every metric takes. */
export interface MetricOptions {
  /** One weight a row; a weight of 0 means the row is absent. */
  sampleWeight?: Numbers;
  /** A row is predicted positive where `proba >= threshold`; 0.5 unless given. Ranking and probability metrics need none. */
  threshold?: number;
  signal?: AbortSignal;
}

/** Labels against scores: P(positive), or any score for `rocAuc` and `averagePrecision`. */
export type MetricFunction = (y: Labels, proba: Numbers, options?: MetricOptions) => Promise<number>;

/** The metric of that name (`"roc_auc"`, `"f2"`, `"f0_5"` …) with its 95 % interval. */
export async function estimate(
  name: string,
  y: Labels,
  proba: Numbers,
  { sampleWeight, threshold = 0.5, signal }: MetricOptions = {},
): Promise<Estimate> {
  const breather = new Breather(signal);
  const scored = new native.Scored();
  // What is no label becomes a number that the core refuses.
  const label = (v: unknown): number => (v === true || v === 1 || v === 1n ? 1 : v === false || v === 0 || v === 0n ? 0 : 255);
  const give = async <T>(values: ArrayLike<T>, put: (slice: ArrayLike<T>) => void): Promise<void> => {
    const parts = "subarray" in values ? (values as Sliced<ArrayLike<T>>) : { length: values.length, subarray: slice.bind(values) };
    await inSlices(parts, SLICE, put, breather);
  };
  await give(y, (slice) => scored.labels(Uint8Array.from(slice, label)));
  await give(proba, (slice) => scored.scores(Float64Array.from(slice)));
  if (sampleWeight) {
    scored.weights(new Float64Array());
    await give(sampleWeight, (slice) => scored.weights(Float64Array.from(slice)));
  }
  return enter({ signal }, (call) => scored.metric(name, threshold, call));
}

/** Rows that are copied at once. */
const SLICE = 1 << 13;
const { slice } = Array.prototype;

function named(name: string): MetricFunction {
  return async (y, proba, options) => (await estimate(name, y, proba, options)).value;
}

/** F-beta: recall counts `beta` times as much as precision. */
export async function fBeta(y: Labels, proba: Numbers, beta: number, options?: MetricOptions): Promise<number> {
  return (await estimate(`f${beta}`, y, proba, options)).value;
}

export const rocAuc = named("roc_auc");
export const averagePrecision = named("average_precision");
export const brier = named("brier");
export const logLoss = named("log_loss");
export const accuracy = named("accuracy");
export const balancedAccuracy = named("balanced_accuracy");
export const precision = named("precision");
export const recall = named("recall");
export const specificity = named("specificity");
export const f05 = named("f0_5");
export const f1 = named("f1");
export const f2 = named("f2");
export const mcc = named("mcc");
export const cohenKappa = named("cohen_kappa");
