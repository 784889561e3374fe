import { type ArrowTable, addArrowTable, isArrowTable } from "./arrow";
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

/** Columns by name. */
export type Columns = Readonly<Record<string, ColumnData>>;

/** A whole table: rows, columns, a `Table`, the bytes of an Arrow IPC file or stream, or a table of `apache-arrow`. */
export type TableData<R extends object = Row> = readonly R[] | Columns | Table | ArrowTable | Uint8Array | ArrayBuffer;

/** Data in: a table, a `Source`, or an async iterable of tables as batches. It must not change before the promise settles. */
export type Data<R extends object = Row> = TableData<R> | TableSource | AsyncIterable<TableData<R>>;

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

  /** A table of rows, columns, Arrow data or batches. */
  static async from(data: Data, options: CallOptions = {}): Promise<Table> {
    return data instanceof Table ? data : new Table(await nativeTable(data, options));
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

  /** The table as an Arrow IPC stream: for `tableFromIPC` of `apache-arrow`, polars, pyarrow, duckdb. */
  async toIpc(options: CallOptions = {}): Promise<Buffer> {
    return enter(options, (call) => this.native.toIpc(call));
  }

  /**
   * Gives the memory back at once, rather than with the garbage: `using table = await readCsv(path)`. Calls that are still at work may
   * reject; every later one throws `ATTRITION_UNSUPPORTED`.
   */
  [Symbol.dispose](): void {
    this.native.dispose();
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
export interface TableSource extends AsyncIterable<Table> {
  /** The batches, from the start. */
  batches(options?: CallOptions): AsyncIterable<Table>;
  /** All batches as one table. */
  collect(options?: CallOptions): Promise<Table>;
  /** @internal */
  spool(options?: CallOptions): Promise<Native.Spool>;
}

/** Whether the data come in batches. */
export function isBatches<R extends object>(data: Data<R>): data is TableSource | AsyncIterable<TableData<R>> {
  return typeof data === "object" && data !== null && Symbol.asyncIterator in data;
}

/** Whether they come from a `Source`. */
export function isSource(data: object): data is TableSource {
  return "batches" in data && "collect" in data;
}

/** The data as a table of the core. Long input is encoded in slices, so that the event loop goes on turning. */
export async function nativeTable(data: Data, options: CallOptions): Promise<Native.Table> {
  if (data instanceof Table) return data.native;
  if (isBatches(data)) return isSource(data) ? (await data.collect(options)).native : gather(data, options);
  const builder = await built(data, options.signal);
  return enter(quiet(options), (call) => builder.finish(call));
}

/** Batches as one table. */
export async function gather(batches: AsyncIterable<Data> | Iterable<Data>, options: CallOptions): Promise<Native.Table> {
  const gathering = new native.Gathering();
  for await (const data of batches) gathering.add(await nativeTable(data, options), true);
  return enter(options, (call) => gathering.finish(call));
}

/** Options of a part of a long call: it reports no progress of its own. */
export function quiet({ signal, nThreads }: CallOptions): CallOptions {
  return { signal, nThreads };
}

/** A builder that holds the data. */
async function built(data: TableData, signal?: AbortSignal): Promise<Native.TableBuilder> {
  const builder = new native.TableBuilder();
  const breather = new Breather(signal);
  if (data instanceof Uint8Array || data instanceof ArrayBuffer) {
    const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    builder.ipc(bytes.length);
    await inSlices(bytes, SLICE * 8, (slice) => builder.bytes(slice), breather);
  } else if (Array.isArray(data)) {
    await addRows(builder, data, breather);
  } else if (isArrowTable(data)) {
    await addArrowTable(builder, data, breather);
  } else if (typeof data === "object" && data !== null && !ArrayBuffer.isView(data)) {
    for (const [name, column] of Object.entries(data as Columns)) await addColumn(builder, name, column, breather);
  } else {
    const got = data === null ? "null" : ArrayBuffer.isView(data) ? (data as object).constructor.name : typeof data;
    throw failure(
      "ATTRITION_INVALID_DATA",
      `invalid data: got ${got}, expected an array of rows, an object of columns, a Table, Arrow data or an async iterable of them`,
    );
  }
  return builder;
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
      if (!cells) {
        columns.set(name, (cells = new Cells(rows.length)));
        if (breather.isDue) await breather.breathe();
      }
      cells.set(i, row[name]);
    }
    if (i % 64 === 63 && breather.isDue) await breather.breathe();
  }
  for (const [name, cells] of columns) await addCells(builder, name, cells, breather);
}

async function addColumn(
  builder: Native.TableBuilder,
  name: string,
  column: ColumnData,
  breather: Breather,
): Promise<void> {
  if (isBulk(column)) {
    openBulk(builder, name, column);
    await addBulk(builder, column, breather);
  } else if (Array.isArray(column) || column instanceof BigUint64Array) {
    const cells = new Cells(column.length);
    for (let i = 0; i < column.length; i++) {
      cells.set(i, column[i]);
      if (i % 256 === 255 && breather.isDue) await breather.breathe();
    }
    await addCells(builder, name, cells, breather);
  } else {
    const message =
      `invalid data in column \`${name}\`: got ${column === null ? "null" : typeof column}, expected an array; ` +
      "several rows are given as an array of objects";
    throw Object.assign(failure("ATTRITION_INVALID_DATA", message), { column: name });
  }
}

/** Values that are copied at once, so that no copy takes more than a fraction of a millisecond. */
const SLICE = 1 << 15;
/** A string takes as long as some hundred bytes. */
const TEXTS = 1 << 10;

/** What gives parts of itself. */
export interface Sliced<T> {
  readonly length: number;
  subarray(start: number, end: number): T;
}

/** Gives an array away slice by slice; the event loop turns in between. */
export async function inSlices<T>(values: Sliced<T>, size: number, put: (slice: T) => void, breather: Breather): Promise<void> {
  for (let at = 0; at < values.length; at += size) {
    put(values.subarray(at, Math.min(at + size, values.length)));
    if (breather.isDue) await breather.breathe();
  }
}

/** Numbers that cross to the core as they stand. */
export type Bulk = NumberArray | BigInt64Array;

export function isBulk(column: unknown): column is Bulk {
  return ArrayBuffer.isView(column) && !(column instanceof BigUint64Array) && !(column instanceof DataView);
}

export function openBulk(builder: Native.TableBuilder, name: string, column: Bulk, n: number = column.length): void {
  if (column instanceof BigInt64Array) builder.intColumn(name, n);
  else builder.floatColumn(name, n);
}

/** More numbers of the column that was opened last. */
export async function addBulk(builder: Native.TableBuilder, column: Bulk, breather: Breather): Promise<void> {
  const put = (slice: Bulk): void => {
    if (slice instanceof BigInt64Array) builder.ints(slice);
    else builder.floats(slice instanceof Float64Array ? slice : new Float64Array(slice));
  };
  await inSlices(column as Sliced<Bulk>, SLICE, put, breather);
}

export async function addCells(
  builder: Native.TableBuilder,
  name: string,
  { tags, numbers, ints, texts }: Cells,
  breather: Breather,
): Promise<void> {
  builder.cellColumn(name, tags.length);
  await inSlices(tags, SLICE * 8, (slice) => builder.bytes(slice), breather);
  await inSlices(numbers, SLICE, (slice) => builder.floats(slice), breather);
  await inSlices(ints, SLICE, (slice) => builder.ints(slice), breather);
  const strings = { length: texts.length, subarray: (start: number, end: number) => texts.slice(start, end) };
  await inSlices(strings, TEXTS, (slice) => builder.texts(slice), breather);
}
