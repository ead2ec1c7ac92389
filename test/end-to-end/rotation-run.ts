/** A log that is rotated while a program writes it and an agent reads it, all of them processes; then every line is looked for. */
import { fork } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { z } from "zod";
import { numberOf, numbersIn, placeOf } from "./numbered-lines.ts";
import { Daemon, freePort } from "./program.ts";
import { type Rotation, rotateOnce } from "./rotate-logs.ts";

/** How a run goes. */
export interface RotationRunOptions {
  readonly rotation: Rotation;
  readonly reopens: "on signal" | "by inode";
  readonly lineCount: number;
  /** Time between two rotations, at least. */
  readonly pauseMs: number;
  /** True when the log is rotated although the agent has not counted a line of it yet. */
  readonly isHasty?: boolean;
  /** What the agent looks for, in the folder of the log. */
  readonly patterns: readonly string[];
}

/** What became of the lines, by their numbers. */
export interface RotationRunResult {
  readonly rotationCount: number;
  /** In a file, and in no window: the agent has lost them. */
  readonly agentLost: readonly number[];
  /** In no file and in no window: written into one that was packed already, or between copying and truncating. */
  readonly lost: readonly number[];
  readonly doubled: readonly number[];
  readonly ledger: readonly LedgerLine[];
  readonly stderr: string;
}

/** An entry of the agent's ledger. */
export interface LedgerLine {
  readonly kind: string;
  readonly reason: string;
  readonly lines: number;
  readonly bytes: number;
}

/** How long the windows may stay without what is missing before it counts as lost. */
const DRAIN_MS = 30_000;
/** What rotated away is let go of after so long. */
const ROTATE_WAIT_MS = 2_000;
/** After so long without a change nothing more comes: what packed files are is found out when their originals are let go of. */
const QUIET_MS = 4_000;

/** Runs in a folder of its own, which is removed. */
export async function rotationRun(options: RotationRunOptions): Promise<RotationRunResult> {
  const home = mkdtempSync(join(tmpdir(), "tailrace-rotation-"));
  const logs = join(home, "logs");
  mkdirSync(logs, { mode: 0o700 });
  const log = join(logs, "app.log");
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(
    join(home, "agent.yaml"),
    agentYaml(
      home,
      port,
      options.patterns.map((pattern) => join(logs, pattern)),
    ),
  );
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}\ndata_dir: ${home}/aggregator\n`,
  );
  const agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  const aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
  try {
    aggregator.start();
    agent.start();
    await until(() => Promise.resolve(agent.stderr.includes("a new epoch begins")));
    const rotationCount = await writeAndRotate({ log, address }, options);
    const inFiles = new Set(numbersInFolder(logs));
    const counts = await drained(address, inFiles);
    const ledger = await ledgerOf(address);
    const all = Array.from({ length: options.lineCount }, (_, index) => index);
    return {
      rotationCount,
      agentLost: all.filter((index) => inFiles.has(index) && !counts.has(index)),
      lost: all.filter((index) => !inFiles.has(index) && !counts.has(index)),
      doubled: [...counts].filter(([, count]) => count !== 1).map(([index]) => index),
      ledger,
      stderr: agent.stderr,
    };
  } finally {
    await agent.stop("SIGKILL");
    await aggregator.stop("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

function agentYaml(home: string, port: number, paths: readonly string[]): string {
  return `id: web-1
data_dir: ${home}/agent
sources: [{ name: app, type: file, paths: ${JSON.stringify(paths)}, format: json, start_at: beginning, rotate_wait: ${ROTATE_WAIT_MS}ms }]
flush_interval: 200ms
ship: { endpoints: ["http://127.0.0.1:${port}"] }
`;
}

/**
 * Rotates as long as the writer writes, from the moment on when the agent has counted a line: what was rotated away before its first look, only
 * patterns find.
 */
async function writeAndRotate(
  { log, address }: { readonly log: string; readonly address: string },
  { rotation, reopens, lineCount, pauseMs, isHasty = false }: RotationRunOptions,
): Promise<number> {
  const program = new URL("./reopening-writer.ts", import.meta.url);
  const writer = fork(program, [log, String(lineCount), reopens]);
  let isWritten = false;
  writer.once("message", () => {
    isWritten = true;
  });
  const ended = new Promise((resolve) => writer.once("exit", resolve));
  try {
    await until(async () => (await countsOf(address)).size > 0);
    let rotationCount = 0;
    while (!isWritten) {
      if (writer.exitCode !== null) throw new Error(`the writer ended with ${writer.exitCode}`);
      await rotateOnce(log, rotation, writer.pid ?? 0);
      rotationCount++;
      await sleep(pauseMs);
      if (!isHasty) await until(async () => isWritten || (await isBegun(log, address)));
    }
    return rotationCount;
  } finally {
    writer.kill("SIGKILL");
    await ended;
  }
}

/** True when the agent has counted the first line of the file that has the path now. */
async function isBegun(log: string, address: string): Promise<boolean> {
  if (!existsSync(log)) return false;
  const [first] = numbersIn(readFileSync(log, "utf8"));
  if (first === undefined) return false;
  const { service, timestamp } = placeOf(first);
  const to = new Date(Date.parse(timestamp) + 1).toISOString();
  const answer = await fetch(`${address}/v1/windows?service=${service}&from=${timestamp}&to=${to}`);
  return windowsPage.parse(await answer.json()).windows.length > 0;
}

function numbersInFolder(folder: string): number[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return numbersInFolder(path);
    const bytes = readFileSync(path);
    return numbersIn((path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("utf8"));
  });
}

/** How often each line is counted: when all that is in files is, and nothing more came for a while; or when it is late. */
async function drained(
  address: string,
  inFiles: ReadonlySet<number>,
): Promise<Map<number, number>> {
  const deadlineMs = Date.now() + DRAIN_MS;
  let changedMs = Date.now();
  let total = 0;
  for (;;) {
    const counts = await countsOf(address);
    const nowMs = Date.now();
    const sum = [...counts.values()].reduce((a, b) => a + b, 0);
    if (sum !== total) changedMs = nowMs;
    total = sum;
    const isWhole = inFiles.isSubsetOf(new Set(counts.keys()));
    if ((isWhole && nowMs - changedMs >= QUIET_MS) || nowMs > deadlineMs) return counts;
    await sleep(250);
  }
}

const windowsPage = z.object({
  windows: z.array(
    z.object({ service: z.string(), windowStart: z.string(), requestCount: z.number() }),
  ),
  next: z.string().optional(),
});

async function countsOf(address: string): Promise<Map<number, number>> {
  const counts = new Map<number, number>();
  let cursor = "";
  do {
    const answer = await fetch(
      `${address}/v1/windows?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z${cursor}`,
    );
    const page = windowsPage.parse(await answer.json());
    for (const window of page.windows) {
      const number = numberOf(window);
      counts.set(number, (counts.get(number) ?? 0) + window.requestCount);
    }
    cursor = page.next === undefined ? "" : `&cursor=${encodeURIComponent(page.next)}`;
  } while (cursor !== "");
  return counts;
}

const agentsAnswer = z.object({
  agents: z.array(
    z.object({
      ledger: z.array(
        z.object({ kind: z.string(), reason: z.string(), lines: z.number(), bytes: z.number() }),
      ),
    }),
  ),
});

async function ledgerOf(address: string): Promise<readonly LedgerLine[]> {
  const answer = await fetch(`${address}/v1/agents`);
  return agentsAnswer.parse(await answer.json()).agents[0]?.ledger ?? [];
}

async function until(isTrue: () => Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await sleep(50);
}
