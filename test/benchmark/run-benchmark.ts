/**
 * Measures in one run, each candidate in a process of its own and the candidates in turn, so that a busy machine harms all alike:
 * the baseline (split, JSON.parse, the same aggregation), C++ simdjson where it can be compiled, `scan` on one thread and on two, the whole agent (tail → spool → an aggregator on this machine), and the agent
 * when it also selects 1 % of the lines as events;
 * then what an agent sends and what it costs its host, how many partial windows an aggregator merges durably, how fast and small the pattern engine is, what stored windows
 * take and how fast they answer (of two days; the month by hand, see stored-windows.ts), what ten thousand agents ask of an aggregator,
 * and, where real servers are fetched, how long a line takes into them and how many windows they take. Data is generated once and kept in the
 * temporary directory.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { findServer } from "../integration/servers.ts";
import { logChunks } from "./log-lines.ts";
import { type candidates, type Measurement, measurement } from "./measure.ts";

/** What to measure. */
export interface BenchmarkOptions {
  /** Bytes of log lines. */
  readonly bytes: number;
  /** Runs of each candidate; the median counts. */
  readonly runs: number;
  readonly stdout: (text: string) => Promise<void>;
  readonly stderr: (text: string) => void;
  readonly signal: AbortSignal;
}

type CandidateName = keyof typeof candidates;
/** Of a row of the table. */
type RowName = CandidateName | "simdjson";

/** A measurement with what only an observer sees. */
interface Run extends Measurement {
  /** Peak of memory that no file backs. */
  readonly anonymousBytes: number;
}

const SEED = 1;
const MAIN = join(import.meta.dirname, "../../main.ts");
const MEASURE = join(import.meta.dirname, "measure.ts");
/** Scripts of this folder that print for themselves, with the servers that each needs. */
const SCRIPTS = [
  { name: "wire", words: ["wire.ts"], servers: [] },
  { name: "cost of an agent", words: ["idle.ts"], servers: [] },
  { name: "patterns", words: ["patterns.ts"], servers: [] },
  { name: "stored windows", words: ["stored-windows.ts", tmpdir(), "2"], servers: [] },
  { name: "many agents", words: ["many-agents.ts", "10000", "30"], servers: [] },
  { name: "latency", words: ["line-latency.ts", "200"], servers: ["redis", "kafka"] },
  { name: "sinks", words: ["sinks.ts", "30000"], servers: ["redis", "elasticsearch"] },
] as const;
const SAMPLE_MS = 10;
const FILE_CANDIDATES = ["baseline", "scan", "scan on 2", "agent", "selecting"] as const;
/** One line in a hundred is of this service. */
const SELECT =
  "{ stream: application-logs, where: \"service == 'billing-api'\", fields: [service, level, message, duration] }";

/** Runs all measurements and prints a table; resolves when done. */
export async function runBenchmark(options: BenchmarkOptions): Promise<void> {
  const { bytes, signal } = options;
  const path = await logFile(options);
  const work = await mkdtemp(join(tmpdir(), "bench-work-"));
  try {
    const runs = new Map<RowName, Run[]>(FILE_CANDIDATES.map((name) => [name, []]));
    const simdjson = compileSimdjson(work);
    if (simdjson === undefined) {
      options.stderr("simdjson: left out, it needs g++ and libsimdjson-dev\n");
    } else runs.set("simdjson", []);
    const aggregator = await startAggregator(work);
    const { port } = aggregator;
    try {
      for (let round = 1; round <= options.runs && !signal.aborted; round++) {
        for (const name of FILE_CANDIDATES) {
          options.stderr(`round ${round}: ${name}\n`);
          const isAgent = name === "agent" || name === "selecting";
          const input = isAgent ? await agentConfig(work, `${name}-${round}`, port, path) : path;
          runs.get(name)?.push(await runCandidate(name, input, signal));
        }
        if (simdjson !== undefined) runs.get("simdjson")?.push(await runSimdjson(simdjson, path));
      }
    } finally {
      aggregator.process.kill("SIGTERM");
      await once(aggregator.process, "exit");
    }
    options.stderr("merging\n");
    const merge = await runCandidate("merge", join(work, "merge"), signal);
    await options.stdout(report(bytes, runs, merge));
    for (const { name, words, servers } of SCRIPTS) {
      const missing = servers.filter((server) => findServer(server) === undefined);
      if (missing.length > 0) {
        options.stderr(
          `${name}: left out, run test/integration/setup ${missing.join(" ")} first\n`,
        );
        continue;
      }
      options.stderr(`${name}\n`);
      await options.stdout(await scriptOutput(words, signal));
    }
  } finally {
    await rm(work, { recursive: true });
  }
}

/** The file of log lines, made when it is not there yet. */
async function logFile(options: BenchmarkOptions): Promise<string> {
  const directory = join(tmpdir(), "log-bench");
  await mkdir(directory, { recursive: true });
  const path = join(directory, `lines-${options.bytes}-${SEED}.ndjson`);
  try {
    await stat(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    options.stderr(`making ${path}\n`);
    const made = `${path}.${process.pid}`;
    await pipeline(logChunks(options.bytes, SEED), createWriteStream(made));
    await rename(made, path);
  }
  return path;
}

/** Runs a candidate in a process of its own. */
async function runCandidate(name: CandidateName, input: string, signal: AbortSignal): Promise<Run> {
  const child = spawn(process.execPath, [MEASURE, name, input], {
    stdio: ["ignore", "ignore", "pipe", "pipe"],
    signal,
  });
  const exited = once(child, "exit");
  const [, , stderr, result] = child.stdio;
  if (!isReadable(stderr) || !isReadable(result)) throw new Error("a pipe is missing");
  const said = text(stderr);
  const found = text(result);
  const anonymousBytes = await watchAnonymous(child);
  const [code] = await exited;
  if (code !== 0) throw new Error(`${name} ended with ${code}: ${await said}`);
  return { ...measurement.parse(JSON.parse(await found)), anonymousBytes };
}

/** Compiles simdjson.cpp into a folder; undefined where there is no compiler or no library. */
function compileSimdjson(folder: string): string | undefined {
  const program = join(folder, "simdjson");
  const source = join(import.meta.dirname, "simdjson.cpp");
  const words = ["-O3", "-march=native", source, "-lsimdjson", "-o", program];
  return spawnSync("g++", words, { stdio: "ignore" }).status === 0 ? program : undefined;
}

async function runSimdjson(program: string, path: string): Promise<Run> {
  const child = spawn(program, [path], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const printed = text(child.stdout);
  const anonymousBytes = await watchAnonymous(child);
  const [code] = await exited;
  if (code !== 0) throw new Error(`simdjson ended with ${code}`);
  const [count = 0, workCpuMs = 0, workWallMs = 0] = (await printed).split(" ").map(Number);
  return { startCpuMs: 0, workCpuMs, workWallMs, count, rssBytes: anonymousBytes, anonymousBytes };
}

/** What a script of this folder prints. */
async function scriptOutput(words: readonly string[], signal: AbortSignal): Promise<string> {
  const [script = "", ...operands] = words;
  const path = join(import.meta.dirname, script);
  const child = spawn(process.execPath, ["--expose-gc", path, ...operands], {
    stdio: ["ignore", "pipe", "inherit"],
    signal,
  });
  const exited = once(child, "exit");
  const printed = text(child.stdout);
  const [code] = await exited;
  if (code !== 0) throw new Error(`${path} ended with ${code}`);
  return await printed;
}

function isReadable(stream: unknown): stream is NodeJS.ReadableStream {
  return typeof stream === "object" && stream !== null && "read" in stream;
}

/** Peak of a process's anonymous memory until it ends; 0 where there is no /proc. */
async function watchAnonymous(child: ChildProcess): Promise<number> {
  let peak = 0;
  while (child.exitCode === null && child.signalCode === null) {
    try {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      const kib = Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
      peak = Math.max(peak, kib * 1024);
    } catch (error) {
      // It is just gone, or this system has no /proc.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
  }
  return peak;
}

async function startAggregator(work: string): Promise<{ process: ChildProcess; port: number }> {
  const port = await freePort();
  const config = join(work, "aggregator.yaml");
  const directory = join(work, "aggregator");
  await writeFile(config, `listen: 127.0.0.1:${port}\ndata_dir: ${directory}\n`);
  const child = spawn(process.execPath, [MAIN, "aggregator", "--config", config], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await isAnswering(port)) return { process: child, port };
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  child.kill("SIGKILL");
  throw new Error("the aggregator did not start");
}

async function isAnswering(port: number): Promise<boolean> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/healthz`)).ok;
  } catch (error) {
    // Not yet listening.
    if (error instanceof TypeError) return false;
    throw error;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (typeof address !== "object" || address === null) throw new Error("no address");
  return address.port;
}

async function agentConfig(work: string, id: string, port: number, path: string): Promise<string> {
  const file = join(work, `${id}.yaml`);
  const lines = [
    `id: bench-${id}`,
    `data_dir: ${join(work, id)}`,
    ...(id.startsWith("selecting") ? [`events: { select: [${SELECT}] }`] : []),
    `sources: [{ name: app, type: file, paths: ["${path}"], format: json, start_at: beginning }]`,
    `ship: { endpoints: ["http://127.0.0.1:${port}"] }`,
  ];
  await writeFile(file, `${lines.join("\n")}\n`);
  return file;
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

function report(bytes: number, runs: ReadonlyMap<RowName, Run[]>, merge: Run): string {
  const gb = bytes / 1e9;
  const baselineMs = median(runs.get("baseline") ?? [], "workCpuMs");
  const rows = [...runs].map(([name, each]) => {
    const cpuMs = median(each, "workCpuMs");
    return [
      name,
      (cpuMs / 1000 / gb).toFixed(2),
      `${(baselineMs / cpuMs).toFixed(1)}×`,
      (bytes / 1000 / median(each, "workWallMs")).toFixed(0),
      (median(each, "startCpuMs") / 1000).toFixed(2),
      mib(median(each, "rssBytes")),
      mib(median(each, "anonymousBytes")),
    ];
  });
  const heads = ["", "CPU s/GB", "ratio", "MB/s", "start CPU s", "RSS MiB", "anonymous MiB"];
  const table = [heads, ...rows].map((row) =>
    row.map((cell, at) => (at === 0 ? cell.padEnd(10) : cell.padStart(heads[at]?.length ?? 0))),
  );
  const rate = merge.count / (merge.workCpuMs / 1000);
  return [
    `${(bytes / 1e6).toFixed(0)} MB of JSON lines, median of ${runs.get("baseline")?.length} runs; CPU is user + system`,
    ...table.map((row) => row.join("  ")),
    "(memory of the agent from its sources; that of the packaged program stands under `cost of an agent`)",
    `merge: ${merge.count} partials of 20 bins into 1,000 windows, durably: ${rate.toFixed(0)} a second of CPU, ` +
      `${(merge.count / (merge.workWallMs / 1000)).toFixed(0)} a second of wall clock`,
    "",
  ].join("\n");
}

function median(runs: readonly Run[], what: keyof Run): number {
  const sorted = runs.map((run) => run[what]).sort((left, right) => left - right);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
