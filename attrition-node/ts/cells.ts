import { types } from "node:util";

/** A value of a table or of a row. `null`, `undefined`, `NaN` and an invalid `Date` are one missing value. */
export type Cell = number | string | boolean | bigint | Date | null | undefined;

// The tags that attrition-node/src/table.rs reads.
const MISSING = 1;
const BOOL = 2;
const NUMBER = 3;
const INT = 4;
const TEXT = 5;
const DATE = 6;
const NESTED = 7;

/** Values of any kind as parallel arrays, which cross to the core in one call. A value never set is absent. */
export class Cells {
  readonly tags: Uint8Array;
  /** Truth values, numbers, a `Date`'s milliseconds, the place of a text in `texts`. */
  readonly numbers: Float64Array;
  /** The BigInts; empty while there is none. */
  ints = new BigInt64Array(0);
  readonly texts: string[] = [];
  readonly #places = new Map<string, number>();
  /** A map that grows beyond this stands still for milliseconds; further texts are listed as often as they come. */
  static readonly #MOST_PLACES = 1 << 14;

  constructor(n: number) {
    this.tags = new Uint8Array(n);
    this.numbers = new Float64Array(n);
  }

  set(i: number, value: unknown): void {
    switch (typeof value) {
      case "undefined":
        return;
      case "number":
        this.#put(i, value !== value ? MISSING : NUMBER, value);
        return;
      case "string": {
        let place = this.#places.get(value);
        if (place === undefined) {
          place = this.texts.push(value) - 1;
          if (place < Cells.#MOST_PLACES) this.#places.set(value, place);
        }
        this.#put(i, TEXT, place);
        return;
      }
      case "boolean":
        this.#put(i, BOOL, value ? 1 : 0);
        return;
      case "bigint":
        if (BigInt.asIntN(64, value) === value) {
          if (this.ints.length === 0) this.ints = new BigInt64Array(this.tags.length);
          this.ints[i] = value;
          this.tags[i] = INT;
        } else {
          this.#put(i, NUMBER, Number(value));
        }
        return;
      default:
        if (value === null) {
          this.tags[i] = MISSING;
        } else if (types.isDate(value)) {
          this.instant(i, value.getTime());
        } else {
          this.tags[i] = NESTED;
        }
    }
  }

  /** An instant in milliseconds, which may hold a fraction. */
  instant(i: number, time: number): void {
    this.#put(i, time !== time ? MISSING : DATE, time);
  }

  #put(i: number, tag: number, number: number): void {
    this.tags[i] = tag;
    this.numbers[i] = number;
  }
}
