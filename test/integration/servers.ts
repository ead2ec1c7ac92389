/** Finds the real servers that integration tests run against: where `test/integration/setup` put them, one for each folder in `servers/`. */
import { accessSync, constants, existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tailrace-servers");

const folder = join(import.meta.dirname, "servers");
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const isLong = (process.env["TAILRACE_LONG"] ?? "") !== "";
/** Servers that only long runs need. */
const longOnly = names.filter((name) => !isLong && existsSync(join(folder, name, "long-only")));

/** The program of a server, or undefined when it is not there. */
export function findServer(name: string): string | undefined {
  const program = join(cache, name, "run");
  return isExecutable(program) ? program : undefined;
}

/**
 * Patterns of the tests to be left out of a run: those whose server is missing, with one line to stderr that says so, and those that only long
 * runs include. With TAILRACE_SERVERS=required a missing server is an error instead.
 */
export function testsWithoutServer(): string[] {
  const wanted = names.filter((name) => !longOnly.includes(name));
  const missing = wanted.filter((name) => findServer(name) === undefined);
  if (missing.length === 0) return patternsOf(longOnly);
  if (process.env["TAILRACE_SERVERS"] === "required") {
    throw new Error(`Servers are missing: ${missing.join(", ")}. Run test/integration/setup.`);
  }
  process.stderr.write(
    `Left out tests against ${missing.join(", ")}: run test/integration/setup first.\n`,
  );
  return patternsOf([...missing, ...longOnly]);
}

function patternsOf(servers: readonly string[]): string[] {
  return servers.map((name) => `test/integration/**/*${name}*.test.ts`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not there, or not ours to run.
    return false;
  }
}
