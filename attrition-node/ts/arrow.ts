// Tables of `apache-arrow`, read by their shape: the package need not be the caller's version, or there at all.
import type { Breather } from "./call";
import { Cells } from "./cells";
import type { Native } from "./native";
import { addBulk, addCells, type Bulk, isBulk, openBulk } from "./table";

/** What is read of an `apache-arrow` table (7 or newer). */
export interface ArrowTable {
  readonly numRows: number;
  readonly schema: { readonly fields: readonly { readonly name: string }[] };
  getChildAt(index: number): ArrowVector | null;
}

/** What is read of its vectors. */
export interface ArrowVector {
  readonly length: number;
  readonly nullCount: number;
  readonly type: ArrowType;
  readonly data: readonly { readonly length: number; readonly values?: unknown }[];
  get(index: number): unknown;
}

interface ArrowType {
  readonly typeId: number;
}

// The numbers of the format's types, as `apache-arrow` has them. Date and Timestamp have subtypes below zero.
const INT = 2;
const FLOAT = 3;
const INSTANTS = new Set([8, 10, -13, -14, -15, -16, -17, -18]);
/** Half floats stand in the values as they are stored, not as numbers. */
const HALF = 0;

export function isArrowTable(data: unknown): data is ArrowTable {
  const table = data as Partial<ArrowTable> | null;
  return (
    typeof table === "object" &&
    table !== null &&
    typeof table.numRows === "number" &&
    typeof table.getChildAt === "function" &&
    Array.isArray(table.schema?.fields)
  );
}

export async function addArrowTable(builder: Native.TableBuilder, table: ArrowTable, breather: Breather): Promise<void> {
  const { fields } = table.schema;
  for (let i = 0; i < fields.length; i++) {
    const vector = table.getChildAt(i);
    if (vector) await addVector(builder, fields[i].name, vector, breather);
  }
}

async function addVector(builder: Native.TableBuilder, name: string, vector: ArrowVector, breather: Breather): Promise<void> {
  const bulk = bulkParts(vector);
  if (bulk) {
    openBulk(builder, name, bulk[0], vector.length);
    for (const part of bulk) await addBulk(builder, part, breather);
    return;
  }
  const { typeId } = "dictionary" in vector.type ? (vector.type.dictionary as ArrowType) : vector.type;
  const instants = INSTANTS.has(typeId);
  const cells = new Cells(vector.length);
  for (let i = 0; i < vector.length; i++) {
    const value = vector.get(i);
    if (instants && value !== null) cells.instant(i, Number(value));
    else cells.set(i, value);
    if (i % 256 === 255 && breather.isDue) await breather.breathe();
  }
  await addCells(builder, name, cells, breather);
}

/** The numbers of a vector without gaps as they lie in memory. */
function bulkParts(vector: ArrowVector): Bulk[] | undefined {
  const { type, data } = vector;
  const half = type.typeId === FLOAT && (type as { precision?: number }).precision === HALF;
  if (half || (type.typeId !== INT && type.typeId !== FLOAT) || vector.nullCount > 0 || data.length === 0) return undefined;
  const parts = data.map(({ length, values }) => (isBulk(values) && values.length >= length ? values.subarray(0, length) : undefined));
  return parts.every((part) => part !== undefined) ? parts : undefined;
}
