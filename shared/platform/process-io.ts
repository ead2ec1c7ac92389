import { readFileSync, rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandIo, TemporaryDirectory } from "../command.ts";
import { realPlatform } from "./real-platform.ts";
import { serviceManager } from "./service-manager.ts";
import { settle } from "./start-lean.ts";
import { realThreads } from "./threads.ts";

/** What a command gets when it runs as a process of its own. The first SIGINT or SIGTERM asks it to finish, the second ends it. */
export function processIo(): CommandIo {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => stopping.abort());
  }
  // A reader such as `head` that goes away is no fault: what it wanted it has.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    // What was made for this run is removed first, whatever else is still under way.
    for (const path of temporary) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    process.exit(0);
  });
  return {
    platform: realPlatform,
    stdout: (text) =>
      new Promise((resolve) => {
        if (process.stdout.write(text)) resolve();
        else process.stdout.once("drain", resolve);
      }),
    stderr: (text) => {
      process.stderr.write(text);
    },
    // Each costs milliseconds, and few commands ask for it.
    get stdin() {
      return process.stdin;
    },
    isTerminal: process.stderr.isTTY === true,
    hasColor: process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === "",
    columns: process.stdout.columns ?? process.stderr.columns ?? 80,
    hostname: hostname(),
    machine: machineId(),
    temporaryDirectory,
    signal: stopping.signal,
    onReload: (listener) => {
      process.on("SIGHUP", listener);
    },
    environment: process.env,
    processId: process.pid,
    serviceManager: serviceManager(process.env),
    settle,
    threads: realThreads,
  };
}

/** Folders that were made for this run and are still there. */
const temporary = new Set<string>();

async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), "tailrace-"));
  temporary.add(path);
  const remove = async () => {
    await rm(path, { recursive: true, force: true });
    temporary.delete(path);
  };
  return { path, [Symbol.asyncDispose]: remove };
}

function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim() || hostname();
  } catch {
    // Containers and other systems have no such file; the name is the next best.
    return hostname();
  }
}
