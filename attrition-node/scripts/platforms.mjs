// Splits the package for the registry: one package a platform with its addon, and the main one that depends on them all.
//
//   node scripts/platforms.mjs ADDONS OUT     ADDONS holds `attrition.<platform>.node` of every platform below
//
// Writes the folders OUT/attrition-<platform> and OUT/attrition, ready for `npm publish`. The main package runs no script at
// install: npm chooses among its optional dependencies by `os`, `cpu` and `libc`, and `ts/native.ts` finds what was chosen.
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Every platform for which the release workflow builds, by the name that `ts/native.ts` looks for. */
export const platforms = {
  "linux-x64-gnu": { os: "linux", cpu: "x64", libc: "glibc" },
  "linux-arm64-gnu": { os: "linux", cpu: "arm64", libc: "glibc" },
  "linux-x64-musl": { os: "linux", cpu: "x64", libc: "musl" },
  "linux-arm64-musl": { os: "linux", cpu: "arm64", libc: "musl" },
  "darwin-x64": { os: "darwin", cpu: "x64" },
  "darwin-arm64": { os: "darwin", cpu: "arm64" },
  "win32-x64": { os: "win32", cpu: "x64" },
};

const here = dirname(dirname(fileURLToPath(import.meta.url)));

export function split(addons, out, names = Object.keys(platforms)) {
  const main = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  const { version, license, engines } = main;
  for (const name of names) {
    const { os, cpu, libc } = platforms[name];
    const from = join(addons, `attrition.${name}.node`);
    if (!existsSync(from) || statSync(from).size === 0) throw new Error(`there is no ${from}`);
    const folder = fresh(join(out, `attrition-${name}`));
    copyFileSync(from, join(folder, "attrition.node"));
    write(join(folder, "package.json"), {
      name: `attrition-${name}`,
      version,
      description: `The addon of the package attrition for ${name}; install attrition, not this.`,
      license,
      engines,
      os: [os],
      cpu: [cpu],
      ...(libc && { libc: [libc] }),
      main: "attrition.node",
      files: ["attrition.node", "LICENSE-MIT", "LICENSE-APACHE"],
    });
    for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(here, "..", licence), join(folder, licence));
  }
  const folder = fresh(join(out, "attrition"));
  for (const name of ["dist", "native.d.ts", "README.md"]) cpSync(join(here, name), join(folder, name), { recursive: true });
  for (const licence of ["LICENSE-MIT", "LICENSE-APACHE"]) copyFileSync(join(here, "..", licence), join(folder, licence));
  const { scripts: _scripts, devDependencies: _dev, ...rest } = main;
  const optionalDependencies = Object.fromEntries(names.map((name) => [`attrition-${name}`, version]));
  write(join(folder, "package.json"), { ...rest, files: main.files.filter((f) => f !== "attrition.node"), optionalDependencies });
}

function fresh(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function write(path, json) {
  writeFileSync(path, `${JSON.stringify(json, null, 2)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [addons, out] = process.argv.slice(2);
  if (!out) {
    console.error("usage: node scripts/platforms.mjs ADDONS OUT");
    process.exit(1);
  }
  split(addons, out);
}
