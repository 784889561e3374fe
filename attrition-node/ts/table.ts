import { Breather, type CallOptions, enter } from "./call";
import { type Cell, Cells } from "./cells";
import { failure } from "./error";
import { type Native, native } from "./native";
import { coreJson } from "./options";

/** One row: its values by column. Keys that the model does not know are passed over. */
export type Row = Readonly<Record<string, unknown>>;

type NumberArray =
  | Float64Array
  | Float32Array
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/** A column: an array of values, or a typed array. */
export type ColumnData = readonly Cell[] | NumberArray | BigInt64Array | BigUint64Array;

/** Data in: an array of rows, an object of columns, or a `Table`. It must not change before the promise settles. */
export type Data = readonly Row[] | Readonly<Record<string, ColumnData>> | Table | TableSource;

/** A value read back from a table: an instant as ISO text, a whole number beyond 2^53 as a BigInt, a gap as `null`. */
export type TableValue = number | bigint | string | boolean | null;

/** Named, typed columns of equal length, held by the core. */
export class Table {
  /** @internal */
  readonly native: Native.Table;

  /** @internal */
  constructor(table: Native.Table) {
    this.native = table;
  }

  /** A table of rows or columns. */
  static async from(data: Data): Promise<Table> {
    return data instanceof Table ? data : new Table(await nativeTable(data));
  }

  /** Rows. */
  get nRows(): number {
    return this.native.nRows;
  }

  /** The columns' names, in order. */
  get columns(): string[] {
    return this.native.columns;
  }

  /** The columns' types, in order: `"float"`, `"int"`, `"string"`, `"bool"` or `"time"`. */
  get types(): string[] {
    return this.native.types;
  }

  /** The values of a column, from row `start` up to row `end`. */
  column(name: string, start = 0, end: number = this.nRows): TableValue[] {
    return this.native.slice(name, start, end);
  }

  /** A row as an object. */
  row(index: number): Record<string, TableValue> {
    return this.native.row(index);
  }

  /**
   * Writes a CSV file, gzipped where the path ends in `.gz`, whole or not at all. A string that looks like another type, or
   * is empty, is read back as what it looks like; Parquet keeps every value and type.
   */
  async writeCsv(path: string, options: CallOptions = {}): Promise<void> {
    await enter(options, (call) => this.native.writeCsv(path, call));
  }

  /** Writes a Parquet file (zstd; strings as dictionaries, times as UTC microseconds), whole or not at all. */
  async writeParquet(path: string, options: CallOptions = {}): Promise<void> {
    await enter(options, (call) => this.native.writeParquet(path, call));
  }
}

/** Options of `readParquet`. */
export interface ReadParquetOptions extends CallOptions {
  /** The columns to read, in this order; all of them by default. */
  columns?: readonly string[];
}

/** Options of `readCsv` and `scanCsv`. */
export interface ReadCsvOptions extends CallOptions {
  /** The character between fields. */
  delimiter?: string;
  /** The fields that are missing values. */
  missing?: readonly string[];
  /** The columns that are strings whatever they look like. */
  text?: readonly string[];
  /** Whether strings lose surrounding blanks. */
  trim?: boolean;
}

/** Reads a CSV file, gzipped or not; types are found over the whole file. */
export async function readCsv(path: string, options: ReadCsvOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readCsv(path, coreJson(options), call)));
}

/** Reads a JSON file, gzipped or not: an array of objects, one a row, or an object of arrays, one a column. */
export async function readJson(path: string, options: CallOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readJson(path, call)));
}

/** Reads newline-delimited JSON, gzipped or not: one object a line, one line a row. */
export async function readNdjson(path: string, options: CallOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readNdjson(path, call)));
}

/** Reads a Parquet file. */
export async function readParquet(path: string, options: ReadParquetOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readParquet(path, coreJson(options), call)));
}

/** Reads an Arrow IPC file (Feather v2), or a file that holds an Arrow IPC stream. */
export async function readIpc(path: string, options: CallOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readIpc(path, call)));
}

/** What a `Source` is, to those that it is built upon. */
export interface TableSource {
  /** The batches, from the start. */
  batches(options?: CallOptions): AsyncIterable<Table>;
  /** All batches as one table. */
  collect(options?: CallOptions): Promise<Table>;
  /** @internal */
  spool(options?: CallOptions): Promise<Native.Spool>;
}

export function isSource(data: unknown): data is TableSource {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data && "collect" in data;
}

/** The data as a table of the core. Long input is encoded in slices, so that the event loop goes on turning. */
export async function nativeTable(data: Data, signal?: AbortSignal): Promise<Native.Table> {
  if (data instanceof Table) return data.native;
  if (isSource(data)) return (await data.collect({ signal })).native;
  const builder = new native.TableBuilder();
  const breather = new Breather(signal);
  if (Array.isArray(data)) {
    await addRows(builder, data, breather);
  } else if (typeof data === "object" && data !== null && !ArrayBuffer.isView(data)) {
    for (const [name, column] of Object.entries(data)) await addColumn(builder, name, column, breather);
  } else {
    throw failure(
      "ATTRITION_INVALID_DATA",
      `invalid data: got ${data === null ? "null" : typeof data}, expected an array of rows, an object of columns or a Table`,
    );
  }
  return builder.finish();
}

async function addRows(builder: Native.TableBuilder, rows: readonly Row[], breather: Breather): Promise<void> {
  const columns = new Map<string, Cells>();
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    if (typeof row !== "object" || row === null) {
      const got = row === null ? "null" : typeof row;
      throw Object.assign(failure("ATTRITION_INVALID_DATA", `invalid data in row ${i}: got ${got}, expected an object`), {
        row: i,
      });
    }
    for (const name of Object.keys(row)) {
      let cells = columns.get(name);
      if (!cells) columns.set(name, (cells = new Cells(rows.length)));
      cells.set(i, row[name]);
    }
    if (i % 64 === 63 && breather.isDue) await breather.breathe();
  }
  for (const [name, cells] of columns) {
    addCells(builder, name, cells);
    if (breather.isDue) await breather.breathe();
  }
}

async function addColumn(
  builder: Native.TableBuilder,
  name: string,
  column: ColumnData,
  breather: Breather,
): Promise<void> {
  if (column instanceof Float64Array) {
    builder.float(name, column);
  } else if (column instanceof BigInt64Array) {
    builder.int(name, column);
  } else if (ArrayBuffer.isView(column) && !(column instanceof BigUint64Array)) {
    builder.float(name, Float64Array.from(column as NumberArray));
  } else if (Array.isArray(column) || column instanceof BigUint64Array) {
    const cells = new Cells(column.length);
    for (let i = 0; i < column.length; i++) {
      cells.set(i, column[i]);
      if (i % 1024 === 1023 && breather.isDue) await breather.breathe();
    }
    addCells(builder, name, cells);
  } else {
    throw Object.assign(
      failure("ATTRITION_INVALID_DATA", `invalid data in column \`${name}\`: got ${typeof column}, expected an array`),
      { column: name },
    );
  }
  if (breather.isDue) await breather.breathe();
}

function addCells(builder: Native.TableBuilder, name: string, cells: Cells): void {
  builder.cells(name, cells.tags, cells.numbers, cells.ints, cells.texts);
}
