// Generated from the Rust by scripts/addon.mjs; do not edit.
/* eslint-disable */

/** Observer, cancel token and thread limit of one call. */
export declare class Call {
  /** `on_progress(stage, done, total)` is called on the event loop and does not keep the process alive. */
  constructor(onProgress?: ((stage: string, done: number, total: number) => void) | undefined | null, nThreads?: number | undefined | null)
  /** Ask the work to stop. */
  cancel(): void
}

/** A value with its 95 % interval; an end is absent where the interval is not defined. */
export interface Estimated {
  /** The point estimate. */
  value: number
  /** The lower end. */
  low?: number
  /** The upper end. */
  high?: number
}

/** A file that is read in batches. */
export declare class FileScan {
  /** A reading from the start. */
  open(): Reading
  /** What is read. */
  describe(): string
}

/** Tables that come one by one, held to the columns of the first one. */
export declare class Gathering {
  /** Of no table yet. */
  constructor()
  /** Throws for a table that does not match those before; `keep` it for `finish`. */
  add(table: Table, keep: boolean): void
  /** All tables that were kept as one. */
  finish(call: Call): Promise<Table>
}

/** A fitted model. */
export declare class Model {
  /** From a file, off the event loop. */
  static load(path: string, call: Call): Promise<Model>
  /** From a file. */
  static loadSync(path: string): Model
  /** From an artifact's bytes. */
  static fromBytes(bytes: Uint8Array): Model
  /** To a file, whole or not at all. */
  save(path: string, call: Call): Promise<void>
  /** The artifact's bytes. */
  toBytes(): Buffer
  /** How a row is packed. */
  rowSpec(): { fields: { name: string; kind: string; vocabulary: string[] }[] }
  /** The record rule for a row given as cells in slot order (see `TableBuilder.cells`); `row` is its number in errors. */
  pack(tags: Uint8Array, numbers: Float64Array, ints: BigInt64Array, texts: Array<string>, row?: number | undefined | null): Float64Array
  /** P(positive) of a packed row. */
  probaPacked(row: Float64Array): number
  /** P(positive) of a JSON object. */
  probaJson(json: Uint8Array): number
  /** Probability, label and repairs of a packed row. */
  predictOnePacked(row: Float64Array): unknown
  /** Contributions of the columns to a packed row's log-odds. */
  contributionsPacked(row: Float64Array): Record<string, number>
  /** P(positive) of every row of a table; its first row is number `first` in errors. */
  predictProba(table: Table, first: number, call: Call): Promise<Float64Array>
  /** P(positive) of every row of the table that a builder makes. */
  predictProbaBuilt(builder: TableBuilder, first: number, call: Call): Promise<Float64Array>
  /** P(positive) of packed rows, one after the other. */
  predictProbaPacked(rows: Float64Array, first: number, call: Call): Promise<Float64Array>
  /** Places in `labels` of probabilities at the model's threshold. */
  decide(proba: Float64Array): Uint8Array
  /** Judged on labelled rows. */
  evaluate(table: Table, call: Call): Promise<unknown>
  /** What each column did in the trees, greatest gain first. */
  importances(): Record<string, unknown>
  /** Every column's effect. */
  terms(): unknown
  /** The same model with a column's contributions as written: pairs of value and contribution, as JSON. */
  withTerm(column: string, json: string): Model
  /** The same model without a term. */
  withoutTerm(term: string): Model
  /** `[negative, positive]`. */
  get labels(): [unknown, unknown]
  /** Kinds and roles of the columns. */
  get schema(): unknown
  /** The learner's name; `blend` for several. */
  get learner(): string
  /** The learner's parameters. */
  get params(): Record<string, unknown>
  /** The probability from which a row counts as positive. */
  get threshold(): number
  /** The artifact's digest. */
  get digest(): string
  /** What is done to each column, one pipeline a learner. */
  get pipelines(): unknown[]
  /** The same as tables in text. */
  pipelineTexts(): Array<string>
  /** How it was trained. */
  get training(): unknown
  /** The leaderboard in text. */
  trainingText(): string
  /** Gives the model's memory back. */
  dispose(): void
}

/** What a table's columns look like, without a row. */
export declare class Profile {
  /** Of the named columns of a table; of all where no names are given. */
  static of(table: Table, names: Array<string> | undefined | null, call: Call): Promise<Profile>
  /** From the bytes that `toBytes` gave. */
  static fromBytes(bytes: Uint8Array): Profile
  /** As bytes. */
  toBytes(): Buffer
  /** Adds the rows of another profile of the same columns. */
  merge(other: Profile): void
  /** The columns' names, sorted. */
  get names(): Array<string>
  /** Rows seen. */
  get nRows(): number
  /** What it knows, as plain values. */
  toDict(): unknown
}

/** One reading of a file. */
export declare class Reading {
  /** The next batch, or `null` past the last one. */
  next(call: Call): Promise<Table | null>
  /** All further batches as one table. */
  collect(call: Call): Promise<Table>
  /** All further batches on disk. */
  spool(call: Call): Promise<Spool>
}

/** Labels, scores and weights on their way, in slices, so that no call takes long. */
export declare class Scored {
  /** Of no row yet. */
  constructor()
  /** More labels: 0 and 1; what is no label is another number. */
  labels(y: Uint8Array): void
  /** More scores. */
  scores(proba: Float64Array): void
  /** More weights; without a call of this the rows have none. */
  weights(weight: Float64Array): void
  /** A metric by name. */
  metric(name: string, threshold: number, call: Call): Promise<Estimated>
}

/** Tables on disk, to be trained on. */
export declare class Spool {

}

/** Tables on their way to the disk. */
export declare class SpoolWriter {
  /** Of no table yet. */
  constructor()
  /** One more table. */
  write(table: Table, call: Call): Promise<void>
  /** All tables that were written. */
  finish(call: Call): Promise<Spool>
}

/** A search, as the TypeScript drives it. */
export declare class Study {
  /** In memory, or in the journal at `storage`. */
  static open(space: string, options: string, storage: string | undefined | null, call: Call): Promise<Study>
  /** In memory, at once. */
  static create(space: string, options: string): Study
  /** The study of a journal. */
  static load(path: string, call: Call): Promise<Study>
  /** The next trial; with `in_turn` null while one that it has to know is running. */
  ask(inTurn: boolean, call: Call): Promise<unknown>
  /** What came of a trial, as JSON. */
  tell(number: number, outcome: string, call: Call): Promise<unknown>
  /** What came of a trial whose values may be no numbers. */
  tellValues(number: number, values: Array<number>, call: Call): Promise<unknown>
  /** A running trial waits again. */
  release(number: number): void
  /** Keeps an intermediate value, and says whether the pruner would stop there. */
  report(number: number, step: number, value: number): boolean
  /** Keeps a fact with a trial. */
  note(number: number, name: string, json: string): void
  /** A trial that is asked for first. */
  enqueue(params: string): number
  /** Another space from here on. */
  setSpace(space: string): void
  /** Brings in what other processes wrote. */
  refresh(): void
  /** Every trial. */
  get trials(): unknown
  /** Numbers of the finished trials, in the order in which they were told. */
  get finished(): Array<number>
  /** The best trial. */
  best(): unknown
  /** The trials that no other dominates. */
  paretoFront(): unknown
  /** What the front covers. */
  hypervolume(reference: Array<number>): number
  /** What each parameter explains. */
  importance(objective: number, call: Call): Promise<unknown>
}

/** A table: named, typed columns of equal length. */
export declare class Table {
  /** Rows. */
  get nRows(): number
  /** The columns' names, in order. */
  get columns(): Array<string>
  /** The columns' types, in order: `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`. */
  get types(): Array<string>
  /** Write a CSV file. */
  writeCsv(path: string, call: Call): Promise<void>
  /** Write a Parquet file. */
  writeParquet(path: string, call: Call): Promise<void>
  /** As an Arrow IPC stream. */
  toIpc(call: Call): Promise<Buffer>
  /** The values of a column from row `start` up to row `end`. */
  slice(name: string, start: number, end: number): Array<number | bigint | string | boolean | null>
  /** A row as an object. Rows past the end hold gaps only. */
  row(row: number): Record<string, number | bigint | string | boolean | null>
  /** Gives the rows up. */
  dispose(): void
}

/** Collects columns, each opened by name and filled in slices, so that no call takes long; `finish` makes the table. */
export declare class TableBuilder {
  /** An empty one. */
  constructor()
  /** Opens a column for `floats`: numbers; NaN is missing. */
  floatColumn(name: string, n: number): void
  /** Opens a column for `ints`: whole numbers of a `BigInt64Array`. */
  intColumn(name: string, n: number): void
  /**
   * Opens a column for cells of any kind: `tags` says which (0 absent, 1 missing, 2 boolean, 3 number, 4 BigInt, 5 string,
   * 6 `Date`, 7 anything else); `floats` are truth values, numbers, a `Date`'s milliseconds and the places of texts in
   * `texts`; `ints` are none or hold the BigInts.
   */
  cellColumn(name: string, n: number): void
  /** Opens Arrow IPC data for `bytes`: a whole table, which leaves no place for columns. */
  ipc(n: number): void
  /** More numbers of the last column. */
  floats(values: Float64Array): void
  /** More whole numbers of the last column. */
  ints(values: BigInt64Array): void
  /** More bytes: tags of cells, or Arrow IPC data. */
  bytes(values: Uint8Array): void
  /** More texts of the last column. */
  texts(values: Array<string>): void
  /** The table of the columns. */
  finish(call: Call): Promise<Table>
}

/** Cross-validate. `folds` are test-fold ids, one a row, negative = never tested. */
export declare function crossValidate(data: Table | Spool, options: string, folds: BigInt64Array | undefined | null, call: Call): Promise<unknown>

/** Employees, as the JSON of the options says. */
export declare function employees(json: string, call: Call): Promise<Table>

/** The code of every kind of error. A code that the TypeScript does not know fails its test. */
export declare function errorCodes(): Array<string>

/** Every learner's parameters: name, default as JSON text, range, the range in words, log scale, meaning. */
export declare function learnerSpecs(): Record<string, { name: string; default: string; range: Record<string, unknown>; words: string; log: boolean; meaning: string }[]>

/** The names of the metrics of an evaluation. */
export declare function metricNames(): Array<string>

/** Read a CSV file, as the JSON of the options says. */
export declare function readCsv(path: string, json: string, call: Call): Promise<Table>

/** Read an Arrow IPC file or stream. */
export declare function readIpc(path: string, call: Call): Promise<Table>

/** Read a JSON file: an array of objects, or an object of arrays. */
export declare function readJson(path: string, call: Call): Promise<Table>

/** Read a file of JSON objects, one a line. */
export declare function readNdjson(path: string, call: Call): Promise<Table>

/** Read a Parquet file, as the JSON of the options says. */
export declare function readParquet(path: string, json: string, call: Call): Promise<Table>

/** Read a query's or table's rows. */
export declare function readSql(query: string, url: string, call: Call): Promise<Table>

/** Read a CSV file in batches, as the JSON of the options says; a first pass finds the types. */
export declare function scanCsv(path: string, json: string, call: Call): Promise<FileScan>

/** Read a Parquet file in batches, as the JSON of the options says. */
export declare function scanParquet(path: string, json: string, call: Call): Promise<FileScan>

/** Read a query's or table's rows in batches, as the JSON of the options says. */
export declare function scanSql(query: string, url: string, json: string, call: Call): Promise<FileScan>

/** Train a model. */
export declare function train(data: Table | Spool, options: string, call: Call): Promise<Model>
