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

/** A table: named, typed columns of equal length. */
export declare class Table {
  /** Rows. */
  get nRows(): number
  /** The columns' names, in order. */
  get columns(): Array<string>
  /** The columns' types, in order: `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`. */
  get types(): Array<string>
  /** The values of a column from row `start` up to row `end`. */
  slice(name: string, start: number, end: number): Array<number | bigint | string | boolean | null>
  /** A row as an object. Rows past the end hold gaps only. */
  row(row: number): Record<string, number | bigint | string | boolean | null>
}

/** Collects columns; `finish` makes the table. */
export declare class TableBuilder {
  /** An empty one. */
  constructor()
  /** Numbers; NaN is missing. */
  float(name: string, values: Float64Array): void
  /** Whole numbers of a `BigInt64Array`. */
  int(name: string, values: BigInt64Array): void
  /**
   * Cells of any kind: `tags` says which; `numbers` holds truth values, numbers, a `Date`'s milliseconds and the
   * places of texts in `texts`; `ints` is empty or holds the BigInts.
   */
  cells(name: string, tags: Uint8Array, numbers: Float64Array, ints: BigInt64Array, texts: Array<string>): void
  /** The table of the columns. */
  finish(): Table
}

/** The code of every kind of error. A code that the TypeScript does not know fails its test. */
export declare function errorCodes(): Array<string>

/** A metric by name. */
export declare function metric(name: string, y: Uint8Array, proba: Float64Array, weight: Float64Array | undefined | null, threshold: number, call: Call): Promise<Estimated>

/** The names of the metrics of an evaluation. */
export declare function metricNames(): Array<string>
