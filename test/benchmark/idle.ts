/**
 * What an agent costs that has little to do: time to ready, CPU and memory with 100 idle files, and at 1,000 lines a second.
 * `node test/benchmark/idle.ts` bundles the program as the packages have it and measures that; `--sources` measures the sources.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleProgram } from "../../packaging/scripts/bundle.ts";
import { fetchParts } from "../../packaging/scripts/fetch-parts.ts";

const ROOT = join(import.meta.dirname, "../..");
const FILE_COUNT = 100;
const SETTLE_MS = 8_000;
const MEASURE_MS = 20_000;
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

async function measure(child: ChildProcess, what: string): Promise<void> {
  const before = await cpuMs(child);
  await sleep(MEASURE_MS);
  const percent = ((await cpuMs(child)) - before) / (MEASURE_MS / 100);
  process.stdout.write(`${what}: ${percent.toFixed(2)} % of a core, ${await memoryText(child)}\n`);
}

/** Writes 1,000 lines a second into ten of the files until the signal aborts. */
async function writeLines(logs: string, signal: AbortSignal): Promise<void> {
  for (let turn = 0; !signal.aborted; turn++) {
    const time = new Date().toISOString();
    const line = `{"timestamp":"${time}","level":"INFO","service":"orders-${turn % 5}","message":"took an order from the shop","duration":${turn % 97}}\n`;
    await appendFile(join(logs, `${turn % 10}.log`), line.repeat(100));
    await sleep(100);
  }
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
  await writeFile(
    file("agent.yaml"),
    `id: idle\ndata_dir: ${file("d")}\nsources: [{ name: app, type: file, paths: ["${logs}/*.log"], format: json, start_at: beginning }]\n` +
      `ship: { endpoints: ["http://127.0.0.1:${port}"] }\n`,
  );
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
        `${what}: ready after ${(performance.now() - startedMs).toFixed(0)} ms\n`,
      );
      await sleep(SETTLE_MS);
      if (what === "later start") await underWay(agent, logs);
      agent.kill("SIGTERM");
      await once(agent, "exit");
    }
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

async function underWay(agent: ChildProcess, logs: string): Promise<void> {
  await measure(agent, `${FILE_COUNT} idle files`);
  const stop = new AbortController();
  const writing = writeLines(logs, stop.signal);
  await sleep(SETTLE_MS);
  await measure(agent, "1,000 lines/s");
  stop.abort();
  await writing;
}

const folder = await mkdtemp(join(tmpdir(), "tailrace-idle-"));
try {
  await run(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
