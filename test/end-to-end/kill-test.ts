/**
 * The test that tells log shippers apart: one log, one `kill -9` of the agent in the middle of it, a restart, and a recount where the counts
 * arrive. Lines that are missing there are lost, lines that are too many are doubled.
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { logChunks } from "../benchmark/log-lines.ts";
import { Daemon, freePort } from "./program.ts";
import { comparable, type ExpectedWindow, recount, type WrittenLine } from "./recount.ts";

/** What came of it. */
export interface KillTestResult {
  readonly lineCount: number;
  /** Lines that the aggregator had counted when the agent was killed, and lines that were written by then. */
  readonly countedAtKill: number;
  readonly writtenAtKill: number;
  readonly lostCount: number;
  readonly doubledCount: number;
  readonly expected: readonly ExpectedWindow[];
  readonly actual: readonly ExpectedWindow[];
  readonly stderr: string;
}

const answerSchema = z.object({
  windows: z.array(z.record(z.string(), z.unknown())),
  next: z.string().optional(),
});

/** A line of the generator takes less on average. */
const LINE_BYTES = 260;
const DRAIN_MS = 240_000;
/** What is written at a time. */
const CHUNK_LINES = 5_000;

/** Writes a log of so many lines, kills the agent once when half of it is written and counting has begun, and recounts. */
export async function killTest(lineCount: number, seed: number): Promise<KillTestResult> {
  const home = mkdtempSync(join(tmpdir(), "tailrace-kill-"));
  const log = join(home, "logs", "app.log");
  mkdirSync(join(home, "logs"));
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, "agent.yaml"), agentYaml(home, address));
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}\ndata_dir: ${join(home, "aggregator")}\n`,
  );
  const agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  const aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
  try {
    aggregator.start();
    agent.start();
    const lines = linesOf(lineCount, seed);
    let writtenAtKill = 0;
    for (; writtenAtKill < lineCount / 2; writtenAtKill += CHUNK_LINES) {
      appendFileSync(log, lines.slice(writtenAtKill, writtenAtKill + CHUNK_LINES).join(""));
    }
    const until = Date.now() + DRAIN_MS;
    let countedAtKill = 0;
    while (countedAtKill === 0 && Date.now() < until) {
      countedAtKill = totalOf(await windowsOf(address));
    }
    // Written and killed in one breath: this chunk is being read, counted and sealed.
    const killed = agent.stop("SIGKILL");
    for (let at = writtenAtKill; at < lineCount; at += CHUNK_LINES) {
      appendFileSync(log, lines.slice(at, at + CHUNK_LINES).join(""));
    }
    await killed;
    agent.start();
    const expected = recount(lines.map(writtenLine));
    const actual = await settled(address, lineCount);
    const stderr = `${agent.stderr}\n${aggregator.stderr}`;
    const facts = { lineCount, countedAtKill, writtenAtKill, expected, actual, stderr };
    return { ...facts, ...difference(expected, actual) };
  } finally {
    await agent.stop("SIGKILL");
    await aggregator.stop("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

function agentYaml(home: string, address: string): string {
  return [
    "id: web-1",
    `data_dir: ${join(home, "agent")}`,
    "sources:",
    "  - name: app",
    "    type: file",
    `    paths: ["${home}/logs/*.log"]`,
    "    format: json",
    "    start_at: beginning",
    "flush_interval: 100ms",
    "poll_interval: 100ms",
    `ship: { endpoints: ["${address}"] }`,
    "",
  ].join("\n");
}

function linesOf(lineCount: number, seed: number): string[] {
  const lines: string[] = [];
  for (const chunk of logChunks(lineCount * LINE_BYTES, seed)) {
    lines.push(...(chunk.toString().match(/[^\n]*\n/g) ?? []));
    if (lines.length >= lineCount) break;
  }
  return lines.slice(0, lineCount);
}

function writtenLine(line: string): WrittenLine {
  const { service, timestamp, level, duration } = JSON.parse(line);
  return { service, timeMs: Date.parse(timestamp), level, durationMs: duration };
}

/** The windows once they hold all lines, or when nothing is expected any more. */
async function settled(address: string, lineCount: number): Promise<ExpectedWindow[]> {
  const until = Date.now() + DRAIN_MS;
  let windows = await windowsOf(address);
  while (totalOf(windows) < lineCount && Date.now() < until) {
    await sleep(200);
    windows = await windowsOf(address);
  }
  // What is doubled may come a moment later.
  await sleep(1_000);
  return windowsOf(address);
}

async function windowsOf(address: string): Promise<ExpectedWindow[]> {
  const windows: ExpectedWindow[] = [];
  const range = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
  let next: string | undefined = "";
  while (next !== undefined) {
    const cursor: string = next === "" ? "" : `&cursor=${encodeURIComponent(next)}`;
    try {
      const answer = await fetch(`${address}/v1/windows?${range}${cursor}`);
      const body = answerSchema.parse(await answer.json());
      windows.push(...body.windows.map(comparable));
      next = body.next;
    } catch {
      // The aggregator is starting; the caller asks again until its deadline.
      return [];
    }
  }
  return windows;
}

function totalOf(windows: readonly ExpectedWindow[]): number {
  return windows.reduce((sum, { requestCount }) => sum + requestCount, 0);
}

function difference(expected: readonly ExpectedWindow[], actual: readonly ExpectedWindow[]) {
  const counts = new Map<string, number>();
  const note = ({ windowStart, service, requestCount }: ExpectedWindow, sign: number) => {
    const key = `${windowStart} ${service}`;
    counts.set(key, (counts.get(key) ?? 0) + sign * requestCount);
  };
  for (const window of expected) note(window, -1);
  for (const window of actual) note(window, 1);
  let lostCount = 0;
  let doubledCount = 0;
  for (const count of counts.values()) {
    lostCount += Math.max(0, -count);
    doubledCount += Math.max(0, count);
  }
  return { lostCount, doubledCount };
}
