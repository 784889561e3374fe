// Data that is shared beside the repository: named by ATTRITION_SHARED, else `../shared` from its root.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = process.env.ATTRITION_SHARED ?? join(root, "..", "shared");

/** The path of a shared file; skips the test where it is absent, unless ATTRITION_REQUIRE_SHARED=1. */
export function shared(t, path) {
  const full = join(folder, path);
  if (existsSync(full)) return full;
  if (process.env.ATTRITION_REQUIRE_SHARED === "1") throw new Error(`there is no ${path} among the shared data`);
  t.skip(`there is no ${path} among the shared data`);
  return undefined;
}
