/** One measurement in a process of its own: `node test/benchmark/measure.ts CANDIDATE INPUT` prints a {@link Measurement} as JSON. */
import { createWriteStream } from "node:fs";
import { z } from "zod";
import type { CommandDefinition, CommandIo } from "../../shared/command.ts";
import { processIo } from "../../shared/platform/process-io.ts";
import { keepCompiledCode } from "../../shared/platform/start-lean.ts";
import { runCommand } from "../../shared/run-command.ts";

/** What one process found. */
export const measurement = z.strictObject({
  /** Of user and system, all threads: until the candidate was loaded, and from there to its end. */
  startCpuMs: z.number(),
  workCpuMs: z.number(),
  workWallMs: z.number(),
  /** Lines or partial windows. */
  count: z.number(),
  /** Peak of the whole process. */
  rssBytes: z.number(),
});

/** See {@link measurement}. */
export type Measurement = z.infer<typeof measurement>;

/** Loads a candidate; what it returns does the work and resolves with what then counts the result, which is no part of the work. */
type Load = (input: string) => Promise<() => Promise<() => number>>;

// As the program does before it loads a command.
keepCompiledCode();

async function loadScan(path: string, threads: number): ReturnType<Load> {
  const { command } = await import("../../agent/commands/scan.ts");
  const flags = ["--format", "json", "--output", "ndjson", "--threads", String(threads)];
  return async () => {
    const texts = await output(command, [...flags, path]);
    return () => requestCount(texts.join(""));
  };
}

const loadAgent: Load = async (configPath) => {
  const { command } = await import("../../agent/commands/agent.ts");
  return async () => {
    await output(command, ["--config", configPath, "--once"]);
    return () => 0;
  };
};

/** What can be measured. */
export const candidates = {
  baseline: async (path) => {
    const { scanBaseline } = await import("./baseline.ts");
    return async () => {
      const count = scanBaseline(path);
      return () => count;
    };
  },
  scan: (path) => loadScan(path, 1),
  /** The same on two threads: what others have of it is its wall clock. */
  "scan on 2": (path) => loadScan(path, 2),
  agent: loadAgent,
  /** The same with a configuration that selects events. */
  selecting: loadAgent,
  merge: async (directory) => {
    const { preparePartials } = await import("./merge-partials.ts");
    const merge = preparePartials(directory);
    return async () => {
      const count = await merge();
      return () => count;
    };
  },
} as const satisfies Record<string, Load>;

const windowLine = z.object({ requestCount: z.number() });

function requestCount(lines: string): number {
  const windows = lines
    .trimEnd()
    .split("\n")
    .map((line) => windowLine.parse(JSON.parse(line)));
  return windows.reduce((sum, window) => sum + window.requestCount, 0);
}

/** Runs a command of the program and returns what it prints. */
async function output(command: CommandDefinition, words: readonly string[]): Promise<string[]> {
  const texts: string[] = [];
  const io: CommandIo = {
    ...processIo(),
    stdout: (text) => {
      texts.push(text);
      return Promise.resolve();
    },
  };
  const facts = { name: "tailrace", version: "", summary: "" };
  const commands = { measured: () => Promise.resolve({ command }) };
  const code = await runCommand(facts, commands, ["measured", ...words], io);
  if (code !== 0) throw new Error(`the command ended with ${code}`);
  return texts;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

async function measure(name: string, input: string): Promise<Measurement> {
  const load = Object.entries(candidates).find(([known]) => known === name)?.[1];
  if (load === undefined) throw new Error(`no such candidate: ${name}`);
  const work = await load(input);
  const [startCpuMs, startMs] = [cpuMs(), performance.now()];
  const counted = await work();
  const found = {
    startCpuMs,
    workCpuMs: cpuMs() - startCpuMs,
    workWallMs: performance.now() - startMs,
    rssBytes: process.resourceUsage().maxRSS * 1024,
  };
  return { ...found, count: counted() };
}

if (import.meta.main) {
  const [name = "", input = ""] = process.argv.slice(2);
  const found = await measure(name, input);
  // The third stream, because candidates write to the others.
  createWriteStream("", { fd: 3 }).end(JSON.stringify(found));
}
