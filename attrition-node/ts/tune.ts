import { type CallOptions, enter } from "./call";
import { failure } from "./error";
import { type Native, native } from "./native";

/** What a parameter may be. */
export type ParamValue = null | boolean | number | string;

/** Other parameters and the value (or values) at which this one is active; all must hold. */
export type When = Readonly<Record<string, ParamValue | readonly ParamValue[]>>;

/** A number in `[low, high]`; `log` where ratios matter, `step` for a grid. */
export interface FloatParam {
  type: "float";
  low: number;
  high: number;
  log?: boolean;
  step?: number | null;
  when?: When;
}

/** A whole number in `[low, high]`. */
export interface IntParam {
  type: "int";
  low: number;
  high: number;
  log?: boolean;
  step?: number | null;
  when?: When;
}

/** One of a few options; `ordered` where neighbours in the list are alike. */
export interface ChoiceParam {
  type: "choice";
  options: readonly ParamValue[];
  ordered?: boolean;
  when?: When;
}

/** Parameters by name. */
export type Space = Readonly<Record<string, FloatParam | IntParam | ChoiceParam>>;

/** `Σ weights[name]·value ≤ max` over numbers. */
export interface Constraint {
  weights: Readonly<Record<string, number>>;
  max: number;
}

export type Direction = "minimize" | "maximize";

/** What stops a trial early: steps are folds (`wilcoxon`) or amounts of resource (`successive_halving`). */
export type Pruner =
  | { type: "wilcoxon"; pValue?: number; minSteps?: number }
  | { type: "successive_halving"; minResource: number; factor?: number };

export interface StudyOptions {
  sampler?: "auto" | "tpe" | "gp" | "random" | "sobol";
  /** Which way each objective is better. */
  direction?: Direction | readonly Direction[];
  seed?: number;
  /** Trial `i` is proposed from trials up to `i - lag` only: the same trials for any `nJobs` up to `lag`. */
  lag?: number | null;
  pruner?: Pruner | null;
  constraints?: readonly Constraint[];
}

/** One trial. */
export interface TrialFacts {
  number: number;
  state: "waiting" | "running" | "complete" | "pruned" | "failed";
  /** The active parameters. */
  params: Record<string, ParamValue>;
  /** One value an objective; empty unless complete. */
  values: number[];
  /** Why it failed. */
  error: string | null;
  /** Intermediate values by step. */
  reports: Record<string, number>;
  notes: Record<string, unknown>;
}

/** A trial at work. */
export interface RunningTrial extends TrialFacts {
  /** Keeps an intermediate value; true where the study's pruner would stop here: throw `new TrialPruned()` then. */
  report(step: number, value: number): boolean;
  /** Keeps a fact with the trial. */
  note(name: string, value: unknown): void;
}

/** Thrown by an objective that stops early; the trial is then `"pruned"`. */
export class TrialPruned extends Error {
  override name = "TrialPruned";
}

export interface OptimizeOptions extends CallOptions {
  /** Trials that are run and finished by this call. */
  nTrials?: number;
  /** Trials that run at a time. */
  nJobs?: number;
  /** No trial is begun after this many seconds. */
  maxSeconds?: number | null;
}

type Objective = (trial: RunningTrial) => number | readonly number[] | Promise<number | readonly number[]>;

const IDLE: CallOptions = {};

/**
 * A search for the best parameters of anything. With the same seed and the same results told in the same order the trials are the same, in
 * every language.
 */
export class Study {
  #native: Native.Study;
  #constraints: readonly Constraint[];

  /** In memory; `Study.open` keeps it in a journal. */
  constructor(space: Space, options: StudyOptions = {}, opened?: Native.Study) {
    this.#constraints = options.constraints ?? [];
    this.#native = opened ?? native.Study.create(spaceJson(space, this.#constraints), optionsJson(options));
  }

  /**
   * In a journal: begun, or resumed where the file holds this study. A crash loses at most the trial in flight, and several processes may
   * share it.
   */
  static async open(path: string, space: Space, options: StudyOptions = {}): Promise<Study> {
    const json = spaceJson(space, options.constraints ?? []);
    const opened = await enter(IDLE, (call) => native.Study.open(json, optionsJson(options), path, call));
    return new Study(space, options, opened);
  }

  /** The study of a journal, with its own space and options. */
  static async load(path: string): Promise<Study> {
    const opened = await enter(IDLE, (call) => native.Study.load(path, call));
    return new Study({}, {}, opened);
  }

  /**
   * Runs `fn(trial)` until `nTrials` more trials are finished, `nJobs` at a time. What `fn` throws makes its trial a failed one, and the search goes
   * on; so do NaN and infinities. Aborting rejects, and the trials in flight wait again.
   */
  async optimize(fn: Objective, options: OptimizeOptions = {}): Promise<void> {
    const { nTrials = 50, nJobs = 1, maxSeconds = null, signal, onProgress } = options;
    if (!(Number.isInteger(nJobs) && nJobs >= 1)) {
      throw failure("ATTRITION_INVALID_PARAM", `invalid parameter \`nJobs\`: got ${nJobs}, expected a whole number >= 1`);
    }
    const deadline = maxSeconds === null ? Infinity : performance.now() + 1000 * maxSeconds;
    let begun = 0;
    let done = 0;
    let stopped = false;
    // One at a time: the numbers follow the order of asking.
    let turn: Promise<unknown> = Promise.resolve();
    const inTurn = (): Promise<TrialFacts | null> => {
      const asked = turn.then(async () => {
        if (stopped || begun >= nTrials || performance.now() >= deadline) return null;
        for (;;) {
          const trial = await enter({ signal }, (call) => this.#native.ask(true, call));
          if (trial !== null) {
            begun += 1;
            return trial as TrialFacts;
          }
          await new Promise((resolve) => setTimeout(resolve, 2));
        }
      });
      turn = asked.catch(() => undefined);
      return asked;
    };
    const worker = async (): Promise<void> => {
      try {
        for (let trial = await inTurn(); trial !== null; trial = await inTurn()) {
          await this.#work(fn, trial, signal);
          done += 1;
          onProgress?.({ stage: "tune", done, total: nTrials });
        }
      } catch (error) {
        stopped = true;
        throw error;
      }
    };
    const ended = await Promise.allSettled(Array.from({ length: nJobs }, worker));
    for (const end of ended) if (end.status === "rejected") throw end.reason;
    // Where no trial of the study is complete, this says so and why.
    if (done > 0 && this.paretoFront.length === 0) this.#native.best();
  }

  async #work(fn: Objective, facts: TrialFacts, signal: AbortSignal | undefined): Promise<void> {
    let outcome: number | readonly number[] | { failed: string } | "pruned";
    try {
      outcome = await fn(this.#running(facts));
    } catch (error) {
      if (signal?.aborted) {
        this.#native.release(facts.number);
        throw Object.assign(failure("ATTRITION_CANCELLED", "cancelled by the caller"), { name: "AbortError", cause: signal.reason });
      }
      outcome = error instanceof TrialPruned ? "pruned" : { failed: String(error) };
    }
    await this.#tell(facts.number, outcome);
  }

  #running(facts: TrialFacts): RunningTrial {
    const report = (step: number, value: number): boolean => this.#native.report(facts.number, step, value);
    const note = (name: string, value: unknown): void => this.#native.note(facts.number, name, JSON.stringify(value));
    return { ...facts, report, note };
  }

  #tell(number: number, outcome: number | readonly number[] | { failed: string } | "pruned"): Promise<TrialFacts> {
    const told = enter(IDLE, (call) => {
      if (typeof outcome === "number") return this.#native.tellValues(number, [outcome], call);
      if (Array.isArray(outcome)) return this.#native.tellValues(number, [...outcome], call);
      const failed = { failed: `the objective gave ${String(outcome)}, expected a number` };
      const plain = outcome === "pruned" || (typeof outcome === "object" && outcome !== null) ? outcome : failed;
      return this.#native.tell(number, JSON.stringify(plain), call);
    });
    return told as Promise<TrialFacts>;
  }

  /** The next trial; it is running until it is told. */
  async ask(): Promise<RunningTrial> {
    return this.#running((await enter(IDLE, (call) => this.#native.ask(false, call))) as TrialFacts);
  }

  /** What came of a running trial: its value (or values), `"pruned"`, or `{ failed: message }`. */
  async tell(trial: TrialFacts | number, outcome: number | readonly number[] | { failed: string } | "pruned"): Promise<TrialFacts> {
    return this.#tell(typeof trial === "number" ? trial : trial.number, outcome);
  }

  /** A trial of these parameters, asked for before any other; gives its number. */
  enqueue(params: Readonly<Record<string, ParamValue>>): number {
    return this.#native.enqueue(JSON.stringify(params));
  }

  /** Search this space from here on; trials stay in use as far as their values lie in it. */
  setSpace(space: Space, constraints: readonly Constraint[] = this.#constraints): void {
    this.#native.setSpace(spaceJson(space, constraints));
    this.#constraints = constraints;
  }

  /** Brings in what other processes wrote to the journal. */
  refresh(): void {
    this.#native.refresh();
  }

  /** Every trial, by number. */
  get trials(): TrialFacts[] {
    return this.#native.trials as TrialFacts[];
  }

  /** Numbers of the finished trials, in the order in which they were told. */
  get finished(): number[] {
    return this.#native.finished;
  }

  /** The complete trial of the best value. */
  get bestTrial(): TrialFacts {
    return this.#native.best() as TrialFacts;
  }

  /** Its parameters. */
  get bestParams(): Record<string, ParamValue> {
    return this.bestTrial.params;
  }

  /** Its value. */
  get bestValue(): number {
    return this.bestTrial.values[0];
  }

  /** The complete trials that no other dominates. */
  get paretoFront(): TrialFacts[] {
    return this.#native.paretoFront() as TrialFacts[];
  }

  /** The volume that the front covers before `reference`, the worst value of each objective that counts. */
  hypervolume(reference: readonly number[]): number {
    return this.#native.hypervolume([...reference]);
  }

  /** The share of the variance that each parameter explains alone (functional analysis of variance). */
  async importance(objective = 0): Promise<Record<string, number>> {
    const found = await enter(IDLE, (call) => this.#native.importance(objective, call));
    return (found as { params: Record<string, number> }).params;
  }
}

function spaceJson(space: Space, constraints: readonly Constraint[]): string {
  return JSON.stringify({ params: space, constraints });
}

function optionsJson({ constraints: _constraints, pruner, ...options }: StudyOptions): string {
  const snake = (name: string): string => name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
  const rule = pruner && Object.fromEntries(Object.entries(pruner).map(([name, value]) => [snake(name), value]));
  return JSON.stringify({ ...options, pruner: rule ?? null });
}
