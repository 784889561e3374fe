import { Breather, type CallOptions, enter } from "./call";
import type { Cell } from "./cells";
import { type Native, native } from "./native";
import { RowPacker } from "./pack";
import { camelParams } from "./options";
import type { AnyParams } from "./params";
import {
  addBulk,
  type Bulk,
  type Data,
  isBatches,
  isBulk,
  isSource,
  nativeTable,
  openBulk,
  quiet,
  type Row,
  inSlices,
  type TableData,
} from "./table";

/** A label of the target, as it stood in the training data. */
export type Label = string | number | bigint | boolean;

/** What predict had to repair in a row, or saw for the first time. */
export interface Warning {
  column: string;
  kind: "missing" | "unseen" | "out_of_range" | "not_computable";
  message: string;
}

/** The answer for one row. */
export interface Prediction {
  /** P(target = positive). */
  proba: number;
  /** The label at the threshold. */
  label: Label;
  threshold: number;
  /** What was repaired, in column order. */
  warnings: Warning[];
}

/** A curve as two lists of equal length. */
export interface Curve {
  x: number[];
  y: number[];
}

/** A model judged on labelled rows. */
export interface Evaluation {
  n: number;
  nPositive: number;
  threshold: number;
  /** Every metric with its 95 % interval, by name: `roc_auc`, `f2` … */
  metrics: Record<string, MetricFact>;
  /** The confusion table at the threshold; sums of weights where rows are weighted. */
  confusion: { tn: number; fp: number; fn: number; tp: number };
  curves: { roc: Curve; precisionRecall: Curve; calibration: Curve };
}

/** A metric with its 95 % interval; an end is `null` where the interval is not defined. */
export interface MetricFact {
  value: number;
  low: number | null;
  high: number | null;
}

/** One column's effect as a table from value to contribution. */
export interface Term {
  column: string;
  kind: FieldKind;
  /** Spread of the contributions over the training rows, in log-odds. */
  importance: number;
  /** Value by value; `null` stands for a gap. */
  values: { value: Label | null; contribution: number; low: number | null; high: number | null }[];
}

/** What a column did in a model's trees. */
export interface Importance {
  /** Sum of the gains of its splits. */
  gain: number;
  /** How many splits ask it. */
  splits: number;
  /** Weight of the rows that they were asked of. */
  cover: number;
}

/** What the cells of a column are. */
export type FieldKind = "number" | "category" | "bool" | "time";

/** What a column is for. */
export type Role = "feature" | "target" | "id" | "sensitive" | "time" | "group" | "weight" | "ignored";

/** A column of the schema. */
export interface Field {
  name: string;
  kind: FieldKind;
  isInteger: boolean;
  role: Role;
  /** The levels of a category that is an input. */
  vocabulary?: string[];
  /** Lowest and highest number (or day) seen. */
  range?: [number, number];
  /** Why the column was taken so, and what to look at. */
  notes?: { code: string; message: string }[];
}

/** What each column is, and the target. */
export interface Schema {
  fields: Field[];
  target?: { column: string; positive: Label; negative: Label } | null;
}

/** One fold of a cross-validation. */
export interface FoldFact {
  nTrain: number;
  nTest: number;
  scores: Record<string, number>;
}

/** One learner that was tried, or a blend of several: its `params` are `{ members: [{ learner, weight, params }, …] }`. */
export interface CandidateFact {
  learner: string;
  params: FittedParams;
  score: number | null;
  isChosen: boolean;
}

/** A learner's parameters, all of them; of a blend those of its members, heaviest first. */
export type FittedParams = AnyParams & { members?: { learner: string; weight: number; params: AnyParams }[] };

/** The fitted preprocessing. `String(pipeline)` is a table, one line a column. */
export interface Pipeline {
  /** What is done to each column, in order; `expression` of a derived one, else `null`. */
  columns: { column: string; expression: string | null; steps: string[]; features: string[] }[];
  /** Where each of the learner's features comes from. */
  features: { feature: string; column: string; sources: string[] }[];
  /** What selection kept and dropped, and why; `null` where there was none. */
  selection: {
    method: string;
    features: { feature: string; score: number | null; kept: boolean; reason: string }[];
  } | null;
  toString(): string;
}

/** One trial of a search. */
export interface TrialFact {
  number: number;
  state: "complete" | "pruned" | "failed";
  /** The point of the search space by the core's names: `learner`, `learner.parameter`, settings of the pipeline. */
  params: Record<string, unknown>;
  /** Mean of the chosen metric over the folds; `null` unless complete. */
  score: number | null;
  /** Why it failed. */
  error: string | null;
}

/** How a model was trained: flat scalars first, fit for logging. */
export interface Training {
  attritionVersion: string;
  learner: string;
  nRows: number;
  nFitted: number;
  nHoldout: number;
  nPositive: number;
  nFeatures: number;
  nFolds: number;
  seed: number | bigint;
  metric: string;
  cvScore: number | null;
  holdoutScore: number | null;
  calibration: string;
  threshold: number;
  thresholdSource: string;
  configuration: string;
  notes: string[];
  cv: Record<string, MetricFact>;
  holdout: Record<string, MetricFact>;
  folds: FoldFact[];
  leaderboard: CandidateFact[];
  trials: TrialFact[];
  /** What a person changed since, in order; absent where nothing was. */
  edits?: EditFact[];
}

/** One edit of a fitted model by a person. */
export interface EditFact {
  /** A column, or a pair `A × B`. */
  term: string;
  action: "written" | "dropped";
  /** SHA-256 of the term as it was. */
  digestBefore: string;
  /** SHA-256 of the term that stands there now; `null` for none. */
  digestAfter: string | null;
  /** The term as it was, on the learner's scale. */
  before: unknown;
}

/**
 * A fitted model. Give the type of your rows to have them checked: `Model<Employee>`.
 *
 * A row is an object of values by column. Missing keys, `null`, `undefined` and `NaN` are gaps; keys that are no feature
 * are passed over. A gap, an unseen level or a number out of range never fails; a value of the wrong kind does.
 */
export class Model<R extends object = Row> {
  readonly #native: Native.Model;
  readonly #packer: RowPacker;

  /** @internal */
  constructor(model: Native.Model) {
    this.#native = model;
    this.#packer = new RowPacker(model);
  }

  /** From a file. */
  static async load<R extends object = Row>(path: string, options: CallOptions = {}): Promise<Model<R>> {
    return new Model<R>(await enter(options, (call) => native.Model.load(path, call)));
  }

  /** From a file, on the calling thread: for start-up code. */
  static loadSync<R extends object = Row>(path: string): Model<R> {
    return new Model<R>(native.Model.loadSync(path));
  }

  /** From the bytes that `toBytes` gave or a file holds. */
  static fromBytes<R extends object = Row>(bytes: Uint8Array | ArrayBuffer): Model<R> {
    return new Model<R>(native.Model.fromBytes(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes));
  }

  /** To a file, whole or not at all. */
  async save(path: string, options: CallOptions = {}): Promise<void> {
    await enter(options, (call) => this.#native.save(path, call));
  }

  /** The artifact's bytes: what `save` writes. */
  toBytes(): Buffer {
    return this.#native.toBytes();
  }

  /** P(target = positive) of one row: in microseconds, equal to `predictProba` of that row to the last bit. */
  probaOne(row: R): number {
    return this.#native.probaPacked(this.#packer.one(row));
  }

  /** P(target = positive) of one row as JSON text, without parsing it in JavaScript. */
  probaJson(json: string | Uint8Array): number {
    return this.#native.probaJson(typeof json === "string" ? Buffer.from(json) : json);
  }

  /** Probability, label, and what had to be repaired, of one row. */
  predictOne(row: R): Prediction {
    return this.#native.predictOnePacked(this.#packer.one(row)) as Prediction;
  }

  /** Each column's contribution to the row's log-odds, and `"(base)"`; exact for additive learners. */
  contributions(row: R): Record<string, number> {
    return this.#native.contributionsPacked(this.#packer.one(row));
  }

  /** What each column did in the model's trees, greatest gain first. For learners of trees; see `terms` for the others. */
  importances(): Record<string, Importance> {
    return this.#native.importances() as Record<string, Importance>;
  }

  /**
   * P(target = positive) of every row, in row order.
   *
   * Rows and typed arrays are copied and scored piece by piece: the event loop never stands still for long, and memory is that
   * of the scores and of two pieces. Of an async iterable, each batch is scored as it comes.
   */
  async predictProba(data: Data<R>, options: CallOptions = {}): Promise<Float64Array> {
    if (isBatches(data)) {
      const parts: Float64Array[] = [];
      for await (const part of this.predictProbaBatches(data, options)) parts.push(part);
      const scores = new Float64Array(parts.reduce((n, part) => n + part.length, 0));
      parts.reduce((at, part) => (scores.set(part, at), at + part.length), 0);
      return scores;
    }
    return this.#scores(data, 0, options);
  }

  /**
   * P(target = positive) of batches as they come, one array of scores a batch: for streams without an end. Rows in errors are
   * counted over all batches. The next batch is asked for when the scores of the last one were taken.
   */
  async *predictProbaBatches(
    batches: AsyncIterable<TableData<R>> | Iterable<TableData<R>>,
    options: CallOptions = {},
  ): AsyncGenerator<Float64Array, void, undefined> {
    let first = 0;
    for await (const batch of isSource(batches) ? batches.batches(quiet(options)) : batches) {
      const scores = await this.#scores(batch, first, quiet(options));
      first += scores.length;
      options.onProgress?.({ stage: "predict_proba", done: first, total: NaN });
      yield scores;
    }
  }

  /** The scores of a table whose first row is number `first` in errors. */
  async #scores(data: TableData<R>, first: number, options: CallOptions): Promise<Float64Array> {
    if (Array.isArray(data)) return this.#ofRows(data, first, options);
    const columns = bulkColumns(data);
    if (columns) return this.#ofColumns(columns, first, options);
    const table = await nativeTable(data as TableData, quiet(options));
    return enter(options, (call) => this.#native.predictProba(table, first, call));
  }

  async #ofRows(rows: readonly unknown[], first: number, options: CallOptions): Promise<Float64Array> {
    const { width } = this.#packer;
    const piece = Math.max(1, Math.ceil(PIECE_CELLS / 16 / Math.max(1, width)));
    const packed = new Float64Array(Math.min(piece, rows.length) * width);
    return inPieces(rows.length, piece, options, async (start, end, breather) => {
      for (let i = start; i < end; i++) {
        this.#packer.into(rows[i], first + i, packed, (i - start) * width);
        if (i % 64 === 63 && breather.isDue) await breather.breathe();
      }
      const given = packed.subarray(0, (end - start) * width);
      return (call) => this.#native.predictProbaPacked(given, first + start, call);
    });
  }

  async #ofColumns(columns: [string, Bulk][], first: number, options: CallOptions): Promise<Float64Array> {
    const piece = Math.max(1, Math.ceil(PIECE_CELLS / columns.length));
    return inPieces(columns[0][1].length, piece, options, async (start, end, breather) => {
      const builder = new native.TableBuilder();
      for (const [name, column] of columns) {
        openBulk(builder, name, column, end - start);
        await addBulk(builder, column.subarray(start, end), breather);
      }
      return (call) => this.#native.predictProbaBuilt(builder, first + start, call);
    });
  }

  /** The label of every row at the model's threshold. */
  async predict(data: Data<R>, options: CallOptions = {}): Promise<Label[]> {
    const proba = await this.predictProba(data, options);
    const { labels } = this;
    const breather = new Breather(options.signal);
    const out = new Array<Label>(proba.length);
    let at = 0;
    const decided = (slice: Float64Array): void => {
      for (const place of this.#native.decide(slice)) out[at++] = labels[place];
    };
    await inSlices(proba, LABELS, decided, breather);
    return out;
  }

  /** The model judged on labelled rows. */
  async evaluate(data: Data, options: CallOptions = {}): Promise<Evaluation> {
    const table = await nativeTable(data, quiet(options));
    return (await enter(options, (call) => this.#native.evaluate(table, call))) as Evaluation;
  }

  /** Every column's effect, most important first; for additive learners. */
  terms(): Term[] {
    return this.#native.terms() as Term[];
  }

  /**
   * The same model with the contributions of one column as a person writes them; `glassbox` only. Between numbers they go
   * in straight lines; levels and gaps (`null`) that are not given keep theirs. `training.edits` keeps the term as it was.
   */
  withTerm(column: string, values: Iterable<{ value: Cell; contribution: number }>): Model<R> {
    const plain = (value: Cell) => (typeof value === "bigint" ? Number(value) : value);
    const pairs = Array.from(values, ({ value, contribution }) => [plain(value), contribution]);
    return new Model<R>(this.#native.withTerm(column, JSON.stringify(pairs)));
  }

  /** The same model without a term: a column, whose pairs go with it, or one pair `A × B`; `glassbox` only. */
  withoutTerm(term: string): Model<R> {
    return new Model<R>(this.#native.withoutTerm(term));
  }

  /** The labels: `[negative, positive]`. */
  get labels(): [Label, Label] {
    return this.#native.labels as [Label, Label];
  }

  /** Kinds and roles of the columns. */
  get schema(): Schema {
    return this.#native.schema as Schema;
  }

  /** The learner's name; `"blend"` for several. */
  get learner(): string {
    return this.#native.learner;
  }

  /** The learner's parameters; of a blend `{ members: [{ learner, weight, params }, …] }`. */
  get params(): FittedParams {
    return camelParams(this.#native.params) as FittedParams;
  }

  /** The probability from which a row counts as positive. */
  get threshold(): number {
    return this.#native.threshold;
  }

  /** SHA-256 of the artifact. */
  get digest(): string {
    return this.#native.digest;
  }

  /** What is done to each column before the learner sees it; of a blend, before its heaviest member does. */
  get pipeline(): Pipeline {
    return this.pipelines[0] as Pipeline;
  }

  /** One pipeline a learner: one, or one for each member of a blend, heaviest first, as in `params.members`. */
  get pipelines(): Pipeline[] {
    const texts = this.#native.pipelineTexts();
    return (this.#native.pipelines as Pipeline[]).map(({ columns, features, selection }, i) =>
      Object.defineProperty({ columns, features, selection }, "toString", { value: () => texts[i] }),
    );
  }

  /** How it was trained, and how well it did. `String(training)` is the leaderboard. */
  get training(): Training {
    const text = this.#native.trainingText();
    const training = this.#native.training as Training;
    for (const candidate of training.leaderboard) {
      candidate.params = camelParams(candidate.params) as FittedParams;
    }
    return Object.defineProperty(training, "toString", { value: () => text });
  }

  /**
   * Gives the model's memory back at once, rather than with the garbage: `using model = Model.loadSync(path)`. Calls that are still at work may
   * reject; every later one throws `ATTRITION_UNSUPPORTED`.
   */
  [Symbol.dispose](): void {
    this.#native.dispose();
  }
}

/** Cells of a piece of columns: some milliseconds of scoring. */
const PIECE_CELLS = 1 << 21;
/** Labels that are made at once. */
const LABELS = 1 << 13;

/** Columns of numbers alone, all of a length, which cross as they stand; else nothing. */
function bulkColumns(data: unknown): [string, Bulk][] | undefined {
  if (typeof data !== "object" || data === null || Object.getPrototypeOf(data) !== Object.prototype) return undefined;
  const columns = Object.entries(data);
  const fits = columns.length > 0 && columns.every(([, c]) => isBulk(c) && c.length === columns[0][1].length);
  return fits && columns[0][1].length > 0 ? columns : undefined;
}

type Work = (call: Native.Call) => Promise<Float64Array>;

/** Scores of `n` rows, piece by piece: while one is scored on the pool, the next one is made ready. */
async function inPieces(
  n: number,
  piece: number,
  options: CallOptions,
  prepare: (start: number, end: number, breather: Breather) => Promise<Work>,
): Promise<Float64Array> {
  if (n <= piece) return enter(options, await prepare(0, n, new Breather(options.signal)));
  const scores = new Float64Array(n);
  const breather = new Breather(options.signal);
  let running: Promise<void> | undefined;
  try {
    for (let start = 0; start < n; start += piece) {
      const end = Math.min(start + piece, n);
      const work = await prepare(start, end, breather);
      await running;
      running = enter(quiet(options), work).then((part) => {
        scores.set(part, start);
        options.onProgress?.({ stage: "predict_proba", done: end, total: n });
      });
      // It is awaited before the next piece: until then a failure is not an unhandled one.
      running.catch(() => {});
    }
  } catch (error) {
    // Of two failures the one of the earlier row counts.
    await running;
    throw error;
  }
  await running;
  return scores;
}
