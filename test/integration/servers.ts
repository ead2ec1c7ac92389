/** Finds the real servers that integration tests run against: on PATH, or where `test/integration/setup` unpacked them. */
import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";

const cache = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "tailrace-servers");

const servers = [
  { name: "redis", program: "redis-server", cached: join(cache, "redis", "redis-server") },
] as const;

/** Name of a server that tests may need. */
export type ServerName = (typeof servers)[number]["name"];

/** The program of a server, or undefined when it is not there. */
export function findServer(name: ServerName): string | undefined {
  const server = servers.find((candidate) => candidate.name === name);
  if (server === undefined) return undefined;
  const folders = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");
  const places = [...folders.map((folder) => join(folder, server.program)), server.cached];
  return places.find(isExecutable);
}

/**
 * Patterns of the tests whose server is missing, to be left out of a run, with one line to stderr that says so. With
 * TAILRACE_SERVERS=required a missing server is an error instead.
 */
export function testsWithoutServer(): string[] {
  const missing = servers.filter(({ name }) => findServer(name) === undefined);
  if (missing.length === 0) return [];
  const names = missing.map(({ name }) => name).join(", ");
  if (process.env["TAILRACE_SERVERS"] === "required") {
    throw new Error(`Servers are missing: ${names}. Run test/integration/setup.`);
  }
  process.stderr.write(`Left out tests against ${names}: run test/integration/setup first.\n`);
  return missing.map(({ name }) => `test/integration/**/*${name}*.test.ts`);
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
