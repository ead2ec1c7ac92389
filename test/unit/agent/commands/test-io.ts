import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CommandIo } from "../../../../shared/command.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { noServiceManager } from "../../../../shared/platform/service-manager.ts";
import { realThreads } from "../../../../shared/platform/threads.ts";

/** The surroundings of a command in a test: the real disk, and what it printed. */
export interface TestIo extends CommandIo {
  output(): string;
  errors(): string;
}

/** Surroundings without a terminal; `changes` replace parts of them. */
export function testIo(changes: Partial<CommandIo> = {}): TestIo {
  let output = "";
  let errors = "";
  return {
    platform: realPlatform,
    stdout: async (text) => {
      output += text;
    },
    stderr: (text) => {
      errors += text;
    },
    stdin: pieces([]),
    isTerminal: false,
    hasColor: false,
    columns: 100,
    hostname: "host",
    machine: "machine",
    temporaryDirectory: async () => {
      const path = mkdtempSync(join(tmpdir(), "tailrace-"));
      return { path, [Symbol.asyncDispose]: async () => rmSync(path, { recursive: true }) };
    },
    signal: new AbortController().signal,
    onReload: () => undefined,
    environment: {},
    processId: 1,
    serviceManager: noServiceManager,
    threads: realThreads,
    settle: () => undefined,
    ...changes,
    output: () => output,
    errors: () => errors,
  };
}

/** What a pipe brings, in these pieces. */
export async function* pieces(list: readonly (string | Buffer)[]): AsyncGenerator<Buffer> {
  for (const piece of list) yield Buffer.from(piece);
}

/** Writes a file into a fresh temporary folder and returns its path. */
export function temporaryFile(name: string, content: string | Buffer): string {
  const path = join(mkdtempSync(join(tmpdir(), "tailrace-")), name);
  writeFileSync(path, content);
  return path;
}
