import { type CallOptions, enter } from "./call";
import { failure } from "./error";
import { type Native, native } from "./native";
import { coreJson } from "./options";
import { type Data, gather, nativeTable, quiet, type ReadCsvOptions, type ReadParquetOptions, Table } from "./table";

/** Tables of the same columns, one after the other. */
export type TableBatches = Iterable<Data> | AsyncIterable<Data>;

/** Options of `scanParquet`. */
export interface ScanParquetOptions extends ReadParquetOptions {
  /** Most rows of a batch; 65,536 by default. */
  batchRows?: number;
}

/**
 * A table in batches: what does not fit in memory is read piece by piece.
 *
 * `for await (const table of source)` reads it from the start. All batches have the same columns.
 */
export class Source implements AsyncIterable<Table> {
  readonly #scan: Native.FileScan | undefined;
  readonly #batches: TableBatches | undefined;

  /** @internal */
  constructor(scan: Native.FileScan | undefined, batches?: TableBatches) {
    this.#scan = scan;
    this.#batches = batches;
  }

  /** A source of an iterable's tables: each an array of rows, an object of columns or a `Table`. A generator can be read once. */
  static from(batches: TableBatches): Source {
    const iterates =
      typeof batches === "object" && batches !== null && (Symbol.iterator in batches || Symbol.asyncIterator in batches);
    if (!iterates) {
      const got = batches === null ? "null" : typeof batches;
      throw failure("ATTRITION_INVALID_DATA", `invalid data: got ${got}, expected an iterable of tables`);
    }
    return new Source(undefined, batches);
  }

  /** The batches, from the start. */
  [Symbol.asyncIterator](): AsyncGenerator<Table, void, undefined> {
    return this.batches();
  }

  /** As `for await` reads them, with the options of a long call, which hold for each batch. */
  async *batches(options: CallOptions = {}): AsyncGenerator<Table, void, undefined> {
    if (this.#scan) {
      const reading = this.#scan.open();
      for (;;) {
        const table = await enter(options, (call) => reading.next(call));
        if (table === null) return;
        yield new Table(table);
      }
    }
    const gathering = new native.Gathering();
    for await (const data of this.#batches ?? []) {
      const table = await nativeTable(data, quiet(options));
      gathering.add(table, false);
      yield new Table(table);
    }
  }

  /** All batches as one table. Whole numbers and floats together are floats. */
  async collect(options: CallOptions = {}): Promise<Table> {
    if (this.#scan) {
      const reading = this.#scan.open();
      return new Table(await enter(options, (call) => reading.collect(call)));
    }
    return new Table(await gather(this.#batches ?? [], options));
  }

  /** @internal All batches on disk, to be trained on. */
  async spool(options: CallOptions = {}): Promise<Native.Spool> {
    if (this.#scan) {
      const reading = this.#scan.open();
      return enter(options, (call) => reading.spool(call));
    }
    const writer = new native.SpoolWriter();
    for await (const table of this.batches(options)) await enter(options, (call) => writer.write(table.native, call));
    return enter(options, (call) => writer.finish(call));
  }
}

/**
 * Reads a CSV file in batches. Types are found over the whole file by a first pass that keeps nothing, so that the batches
 * together are what `readCsv` reads.
 */
export async function scanCsv(path: string, options: ReadCsvOptions = {}): Promise<Source> {
  return new Source(await enter(options, (call) => native.scanCsv(path, coreJson(options), call)));
}

/** Reads a Parquet file in batches. */
export async function scanParquet(path: string, options: ScanParquetOptions = {}): Promise<Source> {
  return new Source(await enter(options, (call) => native.scanParquet(path, coreJson(options), call)));
}

/** Options of `scanSql`. */
export interface ScanSqlOptions extends CallOptions {
  /** Most rows of a batch; 65,536 by default. */
  batchRows?: number;
}

/** Reads the rows of a query or table in batches; see `readSql`. The connection is opened when the first batch is read. */
export async function scanSql(query: string, url: string, options: ScanSqlOptions = {}): Promise<Source> {
  return new Source(await enter(options, (call) => native.scanSql(query, url, coreJson(options), call)));
}
