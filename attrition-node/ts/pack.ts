import { Cells } from "./cells";
import type { Native } from "./native";

const NUMBER = 0;
const BOOL = 1;
const TIME = 2;
const CATEGORY = 3;
const KINDS: Record<string, number> = { number: NUMBER, bool: BOOL, time: TIME, category: CATEGORY };

const MS_PER_DAY_IN_MICROS = 86_400_000_000;

/**
 * Packs rows into slots, beside the core's own record rule (schema/record.rs) and equal to it to the last bit.
 *
 * What is usual is packed here, by the names and vocabularies that the artifact gives once. What is not (a wrong kind,
 * an infinite number, a date as text, a row with none of the features) goes to the core, whose errors are the only ones.
 *
 * A property counts if it is the row's own or comes from a prototype, as a class's getter does. Under a name that every
 * object inherits (`constructor`, `toString` …) only the row's own counts.
 */
export class RowPacker {
  readonly width: number;
  readonly #model: Native.Model;
  readonly #names: string[] = [];
  readonly #kinds: Uint8Array;
  /** 1 where every object inherits a property of the column's name. */
  readonly #inherited: Uint8Array;
  readonly #byText: Map<string, number>[] = [];
  readonly #byNumber: Map<number, number>[] = [];
  /** Room for one row, while no row is being packed: a getter of a row may score another one. */
  #slots: Float64Array | undefined;

  constructor(model: Native.Model) {
    const { fields } = model.rowSpec();
    this.#model = model;
    this.width = fields.length;
    this.#kinds = new Uint8Array(fields.length);
    this.#inherited = new Uint8Array(fields.length);
    fields.forEach(({ name, kind, vocabulary }, slot) => {
      this.#names.push(name);
      this.#kinds[slot] = KINDS[kind];
      this.#inherited[slot] = name in Object.prototype ? 1 : 0;
      const byText = new Map<string, number>();
      const byNumber = new Map<number, number>();
      vocabulary.forEach((text, level) => {
        byText.set(text, level);
        const x = Number(text);
        if (Number.isFinite(x) && shortest(x) === text) byNumber.set(x, level);
      });
      this.#byText.push(byText);
      this.#byNumber.push(byNumber);
    });
  }

  /** The row's slots. They stand in one array that the next call writes again. */
  one(row: unknown): Float64Array {
    const slots = this.#slots ?? new Float64Array(this.width);
    this.#slots = undefined;
    const packed = this.#fill(row, slots, 0) ? slots : this.#byCore(row);
    this.#slots = slots;
    return packed;
  }

  /** The slots of row number `index` of many, written to `out` from `offset` on. */
  into(row: unknown, index: number, out: Float64Array, offset: number): void {
    if (!this.#fill(row, out, offset)) out.set(this.#byCore(row, index), offset);
  }

  #fill(row: unknown, out: Float64Array, offset: number): boolean {
    if (typeof row !== "object" || row === null) return false;
    const names = this.#names;
    const kinds = this.#kinds;
    const inherited = this.#inherited;
    let any = false;
    for (let slot = 0; slot < names.length; slot++) {
      const value =
        inherited[slot] === 0 || Object.hasOwn(row, names[slot])
          ? (row as Record<string, unknown>)[names[slot]]
          : undefined;
      let x: number;
      if (value === undefined) {
        out[offset + slot] = NaN;
        continue;
      }
      any = true;
      if (typeof value === "number") {
        // NaN is a gap in a field of any kind; the core refuses infinite numbers.
        if (value - value !== 0) {
          if (value === value) return false;
          x = NaN;
        } else {
          switch (kinds[slot]) {
            case NUMBER:
              x = value;
              break;
            case CATEGORY:
              x = this.#byNumber[slot].get(value) ?? -1;
              break;
            case BOOL:
              if (value !== 0 && value !== 1) return false;
              x = value;
              break;
            default:
              return false;
          }
        }
      } else if (typeof value === "string") {
        if (kinds[slot] !== CATEGORY) return false;
        const level = this.#byText[slot].get(value);
        if (level === undefined) {
          // The core reads a lone surrogate as U+FFFD, which may be a level.
          if (!value.isWellFormed()) return false;
          x = -1;
        } else {
          x = level;
        }
      } else if (value === null) {
        x = NaN;
      } else if (typeof value === "boolean") {
        switch (kinds[slot]) {
          case NUMBER:
          case BOOL:
            x = value ? 1 : 0;
            break;
          case CATEGORY:
            x = this.#byText[slot].get(value ? "true" : "false") ?? -1;
            break;
          default:
            return false;
        }
      } else if (value instanceof Date && kinds[slot] === TIME) {
        x = (value.getTime() * 1000) / MS_PER_DAY_IN_MICROS;
      } else {
        return false;
      }
      out[offset + slot] = x;
    }
    return any || names.length === 0;
  }

  #byCore(row: unknown, index?: number): Float64Array {
    const cells = new Cells(this.width);
    if (typeof row === "object" && row !== null) {
      this.#names.forEach((name, slot) => {
        if (!this.#inherited[slot] || Object.hasOwn(row, name)) {
          cells.set(slot, (row as Record<string, unknown>)[name]);
        }
      });
    }
    return this.#model.pack(cells.tags, cells.numbers, cells.ints, cells.texts, index);
  }
}

/** A number's shortest text without an exponent, as the core writes it. */
export function shortest(x: number): string {
  const text = String(x);
  const [mantissa, exponent] = text.split("e");
  if (exponent === undefined) return text;
  const [, sign, whole, fraction = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(mantissa)!;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return sign + digits.slice(0, point).padEnd(point, "0") + (point < digits.length ? `.${digits.slice(point)}` : "");
}
