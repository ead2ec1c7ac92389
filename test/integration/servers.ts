/** Finds the real servers that integration tests run against: where `test/integration/setup` put them, one for each folder in `servers/`. */
import { accessSync, constants, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tailrace-servers");

const names = readdirSync(join(import.meta.dirname, "servers"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The program of a server, or undefined when it is not there. */
export function findServer(name: string): string | undefined {
  const program = join(cache, name, "run");
  return isExecutable(program) ? program : undefined;
}

/**
 * Patterns of the tests whose server is missing, to be left out of a run, with one line to stderr that says so. With
 * TAILRACE_SERVERS=required a missing server is an error instead.
 */
export function testsWithoutServer(): string[] {
  const missing = names.filter((name) => findServer(name) === undefined);
  if (missing.length === 0) return [];
  if (process.env["TAILRACE_SERVERS"] === "required") {
    throw new Error(`Servers are missing: ${missing.join(", ")}. Run test/integration/setup.`);
  }
  process.stderr.write(
    `Left out tests against ${missing.join(", ")}: run test/integration/setup first.\n`,
  );
  return missing.map((name) => `test/integration/**/*${name}*.test.ts`);
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
