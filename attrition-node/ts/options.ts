import type { CallOptions } from "./call";

/** The options as the core reads them: JSON, names in snake_case, values as they are. */
export function coreJson({ signal: _signal, onProgress: _onProgress, nThreads: _nThreads, ...options }: CallOptions): string {
  const named = Object.entries(options).map(([name, value]) => [snake(name), name === "schema" ? renamed(value) : value]);
  const json = JSON.stringify(Object.fromEntries(named), (_, value) => {
    // JSON has neither: a BigInt goes over digit by digit, and the core is to see what it refuses.
    if (typeof value === "bigint") return `\u0000${value}`;
    return typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
  });
  return json.replace(/"\\u0000(-?\d+)"/g, "$1");
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);
}

/** A schema's own names in snake_case; it has no keys that are data. */
function renamed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(renamed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, v]) => [snake(name), renamed(v)]));
}
