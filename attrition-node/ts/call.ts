import { type AttritionError, failure } from "./error";
import { type Native, native } from "./native";
import { namedAsGiven } from "./options";

/** One progress report. */
export interface Progress {
  /** What is being done: `"cross_validate"`, `"fit"`, `"read_csv"` … */
  stage: string;
  /** Pieces done. */
  done: number;
  /** Pieces in all. */
  total: number;
}

/** What every long call takes. */
export interface CallOptions {
  /** Stops the work within 100 ms; the promise rejects with an `AbortError` of code `ATTRITION_CANCELLED`. */
  signal?: AbortSignal;
  /** Called on the event loop; does not keep the process alive. What it throws stops the work and rejects. */
  onProgress?: (event: Progress) => void;
  /** At most this many threads; by default `ATTRITION_NUM_THREADS`, else the machine's cores. */
  nThreads?: number | null;
}

/** One long call: progress and the abort signal tied to the native work. */
export async function enter<T>(options: CallOptions, work: (call: Native.Call) => Promise<T>): Promise<T> {
  const { signal, onProgress, nThreads } = options;
  let thrown: { error: unknown } | undefined;
  const report =
    onProgress &&
    ((stage: string, done: number, total: number): void => {
      try {
        if (!thrown) onProgress({ stage, done, total });
      } catch (error) {
        thrown = { error };
        call.cancel();
      }
    });
  const call = new native.Call(report, nThreads);
  const abort = (): void => call.cancel();
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await work(call);
  } catch (error) {
    if (thrown) throw thrown.error;
    if ((error as AttritionError).code === "ATTRITION_CANCELLED" && signal?.aborted) {
      (error as AttritionError).cause = signal.reason;
    }
    throw namedAsGiven(error as AttritionError, options);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Yields to the event loop whenever the work since the last yield took longer than two milliseconds. */
export class Breather {
  #since = performance.now();
  readonly #signal: AbortSignal | undefined;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Whether it is time to `await breathe()`. */
  get isDue(): boolean {
    return performance.now() - this.#since > 2;
  }

  async breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#signal?.aborted) {
      const error = failure("ATTRITION_CANCELLED", "cancelled by the caller");
      throw Object.assign(error, { name: "AbortError", cause: this.#signal.reason });
    }
    this.#since = performance.now();
  }
}
