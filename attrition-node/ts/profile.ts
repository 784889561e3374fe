import { type CallOptions, enter } from "./call";
import { failure } from "./error";
import { type Native, native } from "./native";
import { type Data, isBatches, isSource, nativeTable, quiet } from "./table";

/** What a profile knows of a column; what a kind of column does not have is left out. */
export interface ColumnFacts {
  kind: "number" | "time" | "category" | "bool" | "empty";
  nMissing: number;
  /** Share of the rows, in [0, 1]. */
  missingRate: number;
  /** Of the finite numbers; of times in days since 1970-01-01 UTC, as all that follows. */
  mean?: number;
  /** Population standard deviation. */
  std?: number;
  min?: number;
  max?: number;
  /** Infinite numbers, which are in no other figure. */
  nInfinite?: number;
  /** Estimates of quantiles, by their share: `"0.5"` is the median. */
  quantiles?: Record<string, number>;
  /** Counts of levels, by name; of truth values as `"false"` and `"true"`. */
  levels?: Record<string, number>;
  /** Values of levels that are not counted one by one. */
  nOther?: number;
}

/** What a profile knows. */
export interface ProfileFacts {
  nRows: number;
  columns: Record<string, ColumnFacts>;
  /** The scores of a model on these rows, where they were added. */
  scores?: { n: number; mean: number; counts: number[]; labelled: number[]; positives: number[] };
}

/**
 * What a table's columns look like, in kilobytes and without a row: counts, exact moments, ends, and how the values are
 * spread. Names of levels are kept: leave out columns of names or ids.
 *
 * Profiles merge exactly: those of a table's parts, merged in any order, are the profile of the whole to the last byte.
 */
export class Profile {
  readonly #native: Native.Profile;

  /** @internal */
  constructor(profile: Native.Profile) {
    this.#native = profile;
  }

  /** The profile of rows, columns or a table, or of a `Source`, which is read batch by batch and never held as a whole. */
  static async of(data: Data, options: CallOptions = {}): Promise<Profile> {
    return new Profile(await summary(data, undefined, options));
  }

  /** From the bytes that `toBytes` gave. */
  static fromBytes(bytes: Uint8Array | ArrayBuffer): Profile {
    return new Profile(native.Profile.fromBytes(bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes));
  }

  /**
   * Adds the rows of other data to this profile, and resolves to it. Its columns are read, others passed over; on an error it
   * is as before.
   */
  async update(data: Data, options: CallOptions = {}): Promise<this> {
    this.#native.merge(await summary(data, this.names, options));
    return this;
  }

  /** Adds the rows of another profile of the same columns to this one, and returns it. On an error it is as before. */
  merge(other: Profile): this {
    if (!(other instanceof Profile)) {
      const got = other === null ? "null" : typeof other;
      throw failure("ATTRITION_INVALID_DATA", `invalid data: got ${got}, expected a Profile`);
    }
    this.#native.merge(other.#native);
    return this;
  }

  /** The columns' names, sorted. */
  get names(): string[] {
    return this.#native.names;
  }

  /** Rows seen. */
  get nRows(): number {
    return this.#native.nRows;
  }

  /** What it knows, as plain values. */
  toDict(): ProfileFacts {
    return this.#native.toDict() as ProfileFacts;
  }

  /** As bytes. The same rows give the same bytes, in whatever order and parts they came, in every language. */
  toBytes(): Buffer {
    return this.#native.toBytes();
  }
}

async function summary(data: Data, names: string[] | undefined, options: CallOptions): Promise<Native.Profile> {
  const of = (table: Native.Table): Promise<Native.Profile> =>
    enter(options, (call) => native.Profile.of(table, names, call));
  if (!isBatches(data)) return of(await nativeTable(data, quiet(options)));
  let whole: Native.Profile | undefined;
  for await (const batch of isSource(data) ? data.batches(quiet(options)) : data) {
    const part = await of(await nativeTable(batch, quiet(options)));
    if (whole) whole.merge(part);
    else whole = part;
  }
  if (!whole) throw failure("ATTRITION_INVALID_DATA", "invalid data: got no batch, expected at least one batch; check the source");
  return whole;
}
