/**
 * What an agent costs its host: time to ready, CPU and memory with 100 idle files, at 1,000 lines a second, in blocks and each by a write of its own,
 * with 1,000 files that are all written, and on a backlog of a gigabyte. `node test/benchmark/idle.ts` bundles the program as the packages have it and measures that;
 * `--sources` measures the sources.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { z } from "zod";
import { bundleProgram } from "../../packaging/scripts/bundle.ts";
import { fetchParts } from "../../packaging/scripts/fetch-parts.ts";
import { logChunks } from "./log-lines.ts";

const ROOT = join(import.meta.dirname, "../..");
const FILE_COUNT = 100;
const MANY_FILE_COUNT = 1_000;
const LINES_PER_SECOND = 1_000;
const TARGETS = {
  ready: "target 250 ms",
  idle: "target 48 MiB anonymous",
  busy: "target 0.8 % of a core",
  backlog: "targets 1.0 CPU s/GB, 72 MiB",
};
const BACKLOG_BYTES = 1e9;
const SEED = 1;
const SETTLE_MS = 8_000;
const MEASURE_MS = 20_000;
const SAMPLE_MS = 5;
/** A tick of `/proc/PID/stat`, in milliseconds. */
const TICK_MS = 10;

interface Program {
  readonly node: string;
  readonly main: string;
}

/** The program as the packages have it. */
async function bundled(folder: string): Promise<Program> {
  const architecture = process.arch === "arm64" ? "arm64" : "amd64";
  const bundle = join(folder, "program");
  await bundleProgram(ROOT, bundle);
  const { node, lz4 } = await fetchParts(ROOT, architecture, join(folder, "parts"));
  await copyFile(lz4, join(bundle, "lz4-napi.node"));
  return { node, main: join(bundle, "main.js") };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  return typeof address === "object" && address !== null ? address.port : 0;
}

function start({ node, main }: Program, words: readonly string[]): ChildProcess {
  return spawn(node, [main, ...words], { stdio: ["ignore", "ignore", "pipe"] });
}

/** Resolves when the process has said `text`. */
function said(child: ChildProcess, text: string): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      output += chunk.toString("utf8");
      if (output.includes(text)) resolve();
    });
    child.once("exit", () => reject(new Error(output)));
  });
}

async function cpuMs(child: ChildProcess): Promise<number> {
  const text = await readFile(`/proc/${child.pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

async function memoryText(child: ChildProcess): Promise<string> {
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  const mib = (name: string) =>
    (Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0) / 1024).toFixed(0);
  return `RSS ${mib("VmRSS")} MiB, of it anonymous ${mib("RssAnon")} MiB, most ever ${mib("VmHWM")} MiB`;
}

async function measure(child: ChildProcess, what: string, target?: string): Promise<void> {
  const before = await cpuMs(child);
  await sleep(MEASURE_MS);
  const percent = ((await cpuMs(child)) - before) / (MEASURE_MS / 100);
  const beside = target === undefined ? "" : ` (${target})`;
  process.stdout.write(
    `${what}: ${percent.toFixed(2)} % of a core, ${await memoryText(child)}${beside}\n`,
  );
}

/** How lines are written: `block` lines of one file at a time, one file after the other. */
interface Writing {
  readonly fileCount: number;
  readonly block: number;
  /** How many services there are; files share them in turn. */
  readonly serviceCount: number;
}

/** Writes 1,000 lines a second until the signal aborts; resolves with how many it wrote. */
async function writeLines(logs: string, writing: Writing, signal: AbortSignal): Promise<number> {
  const { fileCount, block, serviceCount } = writing;
  const startedMs = performance.now();
  let written = 0;
  for (let turn = 0; !signal.aborted; turn++) {
    const file = turn % fileCount;
    const time = new Date().toISOString();
    const line = `{"timestamp":"${time}","level":"INFO","service":"s${file % serviceCount}","message":"took an order from the shop","duration":${turn % 97}}\n`;
    await appendFile(join(logs, `${file}.log`), line.repeat(block));
    written += block;
    const aheadMs = startedMs + (written * 1000) / LINES_PER_SECOND - performance.now();
    if (aheadMs > 1) await sleep(aheadMs);
  }
  return written;
}

async function measureWriting(
  agent: ChildProcess,
  logs: string,
  writing: Writing & { readonly what: string; readonly target?: string },
): Promise<number> {
  const stop = new AbortController();
  const written = writeLines(logs, writing, stop.signal);
  await sleep(SETTLE_MS);
  await measure(agent, writing.what, writing.target);
  stop.abort();
  return written;
}

async function run(folder: string): Promise<void> {
  const isSources = process.argv.includes("--sources");
  const program = isSources
    ? { node: process.execPath, main: join(ROOT, "main.ts") }
    : await bundled(folder);
  const logs = join(folder, "logs");
  await mkdir(logs);
  const line = '{"timestamp":"2026-11-20T10:00:05Z","level":"INFO","service":"orders"}\n';
  for (let index = 0; index < FILE_COUNT; index++) {
    await writeFile(join(logs, `${index}.log`), line.repeat(20));
  }
  const port = await freePort();
  const file = (name: string) => join(folder, name);
  await writeFile(file("aggregator.yaml"), `listen: 127.0.0.1:${port}\ndata_dir: ${file("a")}\n`);
  await writeFile(file("agent.yaml"), agentYaml(folder, port, { id: "idle", logs }));
  const children: ChildProcess[] = [];
  try {
    const aggregator = start(program, ["aggregator", "--config", file("aggregator.yaml")]);
    children.push(aggregator);
    await said(aggregator, "listens on");
    for (const [what, ready] of [
      ["first start", "a new epoch begins"],
      ["later start", "going on"],
    ] as const) {
      const startedMs = performance.now();
      const agent = start(program, ["agent", "--config", file("agent.yaml")]);
      children.push(agent);
      await said(agent, ready);
      process.stdout.write(
        `${what}: ready after ${(performance.now() - startedMs).toFixed(0)} ms (${TARGETS.ready})\n`,
      );
      await sleep(SETTLE_MS);
      if (what === "later start") await underWay(agent, logs);
      agent.kill("SIGTERM");
      await once(agent, "exit");
    }
    await manyFiles(program, folder, port);
    await backlog(program, folder, port);
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

async function underWay(agent: ChildProcess, logs: string): Promise<void> {
  await measure(agent, `${FILE_COUNT} idle files`, TARGETS.idle);
  const few = { fileCount: 10, serviceCount: 5, target: TARGETS.busy };
  const blocks = "1,000 lines/s in blocks of 100 over 10 files";
  await measureWriting(agent, logs, { ...few, block: 100, what: blocks });
  const single = "1,000 lines/s, a write each, over 10 files";
  await measureWriting(agent, logs, { ...few, block: 1, what: single });
}

/** An agent with a file for each service: each is to be read as often as the others, with a bounded number of descriptors. */
async function manyFiles(program: Program, folder: string, port: number): Promise<void> {
  const logs = join(folder, "many");
  await mkdir(logs);
  for (let index = 0; index < MANY_FILE_COUNT; index++)
    await writeFile(join(logs, `${index}.log`), "");
  const config = join(folder, "many.yaml");
  await writeFile(config, agentYaml(folder, port, { id: "many", logs }));
  const agent = start(program, ["agent", "--config", config]);
  try {
    await said(agent, "a new epoch begins");
    await sleep(SETTLE_MS);
    await measure(agent, `${MANY_FILE_COUNT} idle files`);
    const all = { fileCount: MANY_FILE_COUNT, serviceCount: MANY_FILE_COUNT, block: 1 };
    const what = `1,000 lines/s over ${MANY_FILE_COUNT} files`;
    const written = await measureWriting(agent, logs, { ...all, what });
    const descriptors = (await readdir(`/proc/${agent.pid}/fd`)).length;
    // Until the last of it is applied.
    await sleep(SETTLE_MS);
    const counts = await countsByService(port, "s");
    const sum = counts.reduce((total, count) => total + count, 0);
    process.stdout.write(
      `  ${descriptors} descriptors (of 512 files at most); ${sum} of ${written} lines counted, of each file ${Math.min(...counts)} to ${Math.max(...counts)}\n`,
    );
  } finally {
    agent.kill("SIGKILL");
  }
}

/** An agent that begins with a gigabyte to read: from its start to its end, when all of it is applied. */
async function backlog(program: Program, folder: string, port: number): Promise<void> {
  const logs = join(folder, "backlog");
  await mkdir(logs);
  await pipeline(logChunks(BACKLOG_BYTES, SEED), createWriteStream(join(logs, "app.log")));
  const config = join(folder, "backlog.yaml");
  await writeFile(config, agentYaml(folder, port, { id: "backlog", logs }));
  const startedMs = performance.now();
  const agent = start(program, ["agent", "--config", config, "--once"]);
  const exited = once(agent, "exit");
  let usedMs = 0;
  let anonymousKib = 0;
  while (agent.exitCode === null && agent.signalCode === null) {
    try {
      usedMs = await cpuMs(agent);
      const status = await readFile(`/proc/${agent.pid}/status`, "utf8");
      const kib = Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1] ?? 0);
      anonymousKib = Math.max(anonymousKib, kib);
    } catch (error) {
      // It has just ended.
      if (!(error instanceof Error && "code" in error)) throw error;
    }
    await sleep(SAMPLE_MS);
  }
  const [code] = await exited;
  if (code !== 0) throw new Error(`the agent ended with ${code}`);
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  process.stdout.write(
    `a backlog of 1 GB: ${(usedMs / 1000).toFixed(2)} CPU s with start and end, ${seconds} s, at most ${(anonymousKib / 1024).toFixed(0)} MiB anonymous (${TARGETS.backlog})\n`,
  );
}

/** Requests of each service that only the many files name. */
async function countsByService(port: number, prefix: string): Promise<number[]> {
  const counts = new Map<string, number>();
  for (let cursor = ""; ; ) {
    const query = `limit=10000&stream=many${cursor}`;
    const answer = await fetch(`http://127.0.0.1:${port}/v1/windows?${query}`);
    const { windows, next } = windowsAnswer.parse(await answer.json());
    for (const { service, requestCount } of windows) {
      if (!service.startsWith(prefix)) continue;
      counts.set(service, (counts.get(service) ?? 0) + requestCount);
    }
    if (next === undefined) return [...counts.values()];
    cursor = `&cursor=${encodeURIComponent(next)}`;
  }
}

const windowsAnswer = z.object({
  windows: z.array(z.object({ service: z.string(), requestCount: z.number() })),
  next: z.string().optional(),
});

/** The configuration of an agent; `id` also names its stream. */
function agentYaml(
  folder: string,
  port: number,
  { id, logs }: { id: string; logs: string },
): string {
  return (
    `id: ${id}\ndata_dir: ${join(folder, `data-${id}`)}\n` +
    `sources: [{ name: app, type: file, paths: ["${logs}/*.log"], format: json, start_at: beginning, stream: ${id}, max_services: 2000 }]\n` +
    `ship: { endpoints: ["http://127.0.0.1:${port}"] }\n`
  );
}

const folder = await mkdtemp(join(tmpdir(), "tailrace-idle-"));
try {
  await run(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
