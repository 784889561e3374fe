import type { CallOptions } from "./call";

/** The options as the core reads them: JSON, names in snake_case, values as they are. */
export function coreJson({ signal: _signal, onProgress: _onProgress, nThreads: _nThreads, ...options }: CallOptions): string {
  const named = Object.entries(options).map(([name, value]) => [snake(name), core(name, value)]);
  const json = JSON.stringify(Object.fromEntries(named), (_, value) => {
    // JSON has neither: a BigInt goes over digit by digit, and the core is to see what it refuses.
    if (typeof value === "bigint") return `\u0000${value}`;
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
  return json.replace(/"\\u0000(-?\d+)"/g, "$1");
}

function core(name: string, value: unknown): unknown {
  if (name === "schema") return renamed(value);
  return name === "preprocess" ? preprocess(value) : value;
}

/** Names in snake_case, but for those that are the caller's: derived features and columns. */
function preprocess(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, v]) => {
      const key = snake(name);
      if (key === "derive") return [key, v];
      if (key !== "columns" || typeof v !== "object" || v === null) return [key, renamed(v)];
      return [key, Object.fromEntries(Object.entries(v).map(([column, steps]) => [column, renamed(steps)]))];
    }),
  );
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

/** Names in snake_case, at any depth; no key is data. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [snake(name), renamed(v)]));
}
