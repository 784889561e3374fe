import type { CallOptions } from "./call";
import { type AttritionError, failure } from "./error";
import { learnerNames } from "./params";

/**
 * The options as the core reads them: JSON, names in snake_case, values as they are.
 *
 * Names are camelCase here and snake_case in the core, in Python and in what was written there; both are read. What is data
 * (columns, derived features, levels) keeps its name.
 */
export function coreJson({ signal: _signal, onProgress: _onProgress, nThreads: _nThreads, ...options }: CallOptions): string {
  const json = JSON.stringify(
    named(options, (name, value) => {
      if (name === "params") return params(value);
      if (name === "preprocess") return preprocess(value);
      return name === "schema" || name === "search" ? renamed(value) : value;
    }),
    (_, value) => {
      // JSON has neither: a BigInt goes over digit by digit, and the core is to see what it refuses.
      if (typeof value === "bigint") return `\u0000${value}`;
      return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
    },
  );
  return json.replace(/"\\u0000(-?\d+)"/g, "$1");
}

/** A learner's parameters by name, or those of several learners by learner. */
function params(value: unknown): unknown {
  return named(value, (name, v) => ((learnerNames as readonly string[]).includes(name) ? named(v) : v));
}

function preprocess(value: unknown): unknown {
  return named(value, (name, v) => {
    if (name === "derive") return v;
    return name === "columns" && isObject(v) ? mapped(v, (column, steps) => [column, renamed(steps)]) : renamed(v);
  });
}

/** Names in snake_case, at any depth; no key is data. */
function renamed(value: unknown): unknown {
  return Array.isArray(value) ? value.map(renamed) : named(value, (_, v) => renamed(v));
}

/** An object's own names in snake_case, its values by `of`; any other value as it is. */
function named(value: unknown, of: (name: string, value: unknown) => unknown = (_, v) => v): unknown {
  if (!isObject(value)) return value;
  const given = new Set<string>();
  return mapped(value, (key, v) => {
    const name = snake(key);
    if (given.has(name)) {
      const message = `invalid parameter \`${camel(name)}\`: got it twice, as ${camel(name)} and as ${name}; give it once`;
      throw Object.assign(failure("ATTRITION_INVALID_PARAM", message), { param: camel(name) });
    }
    given.add(name);
    return [name, of(name, v)];
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function mapped(value: Record<string, unknown>, entry: (key: string, v: unknown) => [string, unknown]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, v]) => entry(key, v)));
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

function camel(name: string): string {
  return name.replace(/(?<=.)_(.)/g, (_, c: string) => c.toUpperCase());
}

/** The parameters of a fitted model or of a candidate, as the options have them. */
export function camelParams(value: unknown): unknown {
  if (!isObject(value)) return value;
  return mapped(value, (name, v) => {
    if (name !== "members" || !Array.isArray(v)) return [camel(name), v];
    return [name, v.map((member) => (isObject(member) ? { ...member, params: camelParams(member.params) } : member))];
  });
}

/** The error of a refused option, with the names that the caller wrote. */
export function namedAsGiven(error: AttritionError, options: object): AttritionError {
  if (error?.code !== "ATTRITION_INVALID_PARAM") return error;
  const written = new Map<string, string>();
  const note = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(note);
    if (!isObject(value)) return;
    for (const [key, v] of Object.entries(value)) {
      if (snake(key) !== key) written.set(snake(key), key);
      note(v);
    }
  };
  note({ ...options, signal: undefined });
  const asWritten = (text: string): string => text.replace(/\w+/g, (word) => written.get(word) ?? word);
  const { message, stack } = error;
  error.message = asWritten(message);
  error.stack = stack?.replace(message, () => error.message);
  if (error.param !== undefined) error.param = asWritten(error.param);
  return error;
}
