// The addon, typed by the declarations generated from its Rust: beside this package's own files, or in the package of this
// platform that was installed along with it.
import type * as Native from "../native";
import { failure } from "./error";

export type { Native };

export const native = load();

function load(): typeof Native {
  const own = attempt("../attrition.node");
  if (own.addon) return own.addon;
  const name = platformPackage();
  const other = attempt(name);
  if (other.addon) return other.addon;
  const { platform, arch, version } = process;
  const message =
    `attrition on ${platform} ${arch} (Node ${version}) is not supported: there is neither attrition.node in the package nor ` +
    `${name} beside it; install without omitting optional dependencies, on the machine that runs it`;
  // What is there and does not load says why: another C library, another Node.
  throw Object.assign(failure("ATTRITION_UNSUPPORTED", message), { cause: own.error ?? other.error });
}

function attempt(name: string): { addon?: typeof Native; error?: Error } {
  try {
    return { addon: require(name) as typeof Native };
  } catch (error) {
    const absent = (error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND";
    return absent ? {} : { error: error as Error };
  }
}

/** `attrition-linux-x64-gnu`, `attrition-darwin-arm64` …: see scripts/platforms.mjs. */
function platformPackage(): string {
  const { platform, arch } = process;
  const libc = platform === "linux" ? (isGlibc() ? "-gnu" : "-musl") : "";
  return `attrition-${platform}-${arch}${libc}`;
}

function isGlibc(): boolean {
  // Newer Node than the types: without it a report looks up the names of open sockets, which takes seconds.
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean };
  const before = report.excludeNetwork;
  report.excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  report.excludeNetwork = before;
  return header.glibcVersionRuntime !== undefined;
}
