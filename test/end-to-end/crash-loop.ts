/** The crash loop: real processes and files, `kill -9` at random moments, and a recount of what was written. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LogWriter } from "./log-writer.ts";
import { Daemon, freePort } from "./program.ts";
import { comparable, type ExpectedWindow, recount } from "./recount.ts";

/** How a crash loop runs. */
export interface CrashLoopOptions {
  readonly kills: number;
  readonly seed: number;
  /** Undefined: the default. */
  readonly flushInterval: string | undefined;
  /** Longest life of a process before it is killed, in milliseconds. */
  readonly lifeMsMax: number;
}

/** What the windows must be, what they are, and the ledger that the aggregator holds of the agent. */
export interface CrashLoopResult {
  readonly lineCount: number;
  readonly expected: readonly ExpectedWindow[];
  readonly actual: readonly ExpectedWindow[];
  readonly agents: unknown;
  readonly stderr: string;
}

const DRAIN_MS = 90_000;

function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs one crash loop in a folder of its own. */
export async function crashLoop(options: CrashLoopOptions): Promise<CrashLoopResult> {
  const random = seeded(options.seed);
  const home = mkdtempSync(join(tmpdir(), "tailrace-crash-"));
  const logs = join(home, "logs");
  mkdirSync(logs);
  const port = await freePort();
  const address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, "agent.yaml"), agentYaml(home, logs, address, options.flushInterval));
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}\ndata_dir: ${join(home, "aggregator")}\nsinks: [{ name: out, type: file, path: ${join(home, "windows.ndjson")} }]\n`,
  );
  const agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  const aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
  const writers = ["app.log", "worker.log"].map((name) => new LogWriter(logs, name, random));
  const writing = new AbortController();
  const written = writeUntil(writing.signal, writers, random);
  try {
    aggregator.start();
    agent.start();
    for (let kill = 0; kill < options.kills; kill++) {
      await sleep(100 + random() * options.lifeMsMax);
      const victims = random() < 0.2 ? [agent, aggregator] : [random() < 0.5 ? agent : aggregator];
      for (const victim of victims) await victim.stop("SIGKILL");
      for (const victim of victims) victim.start();
    }
    writing.abort();
    await written;
    const lines = writers.flatMap((writer) => writer.lines);
    const expected = recount(lines);
    const actual = await drained(address, expected);
    const agents = await getJson(`${address}/v1/agents`);
    const stderr = `${agent.stderr}\n${aggregator.stderr}`;
    return { lineCount: lines.length, expected, actual, agents, stderr };
  } finally {
    writing.abort();
    await agent.stop("SIGKILL");
    await aggregator.stop("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

function agentYaml(home: string, logs: string, address: string, flush: string | undefined): string {
  return [
    "id: web-1",
    `data_dir: ${join(home, "agent")}`,
    "sources:",
    "  - name: app",
    "    type: file",
    `    paths: ["${logs}/*.log*"]`,
    "    format: json",
    "    start_at: beginning",
    flush === undefined ? "" : `flush_interval: ${flush}`,
    "poll_interval: 200ms",
    `ship: { endpoints: ["${address}"] }`,
    "",
  ].join("\n");
}

async function writeUntil(
  signal: AbortSignal,
  writers: readonly LogWriter[],
  random: () => number,
): Promise<void> {
  while (!signal.aborted) {
    for (const writer of writers) {
      const choice = random();
      if (choice < 0.03) writer.rotate();
      else if (choice < 0.045) writer.copyTruncate();
      writer.append(Math.floor(random() * 12), Date.now());
    }
    await sleep(20);
  }
  for (const writer of writers) writer.finishLine();
}

async function drained(
  address: string,
  expected: readonly ExpectedWindow[],
): Promise<ExpectedWindow[]> {
  const deadline = Date.now() + DRAIN_MS;
  let actual: ExpectedWindow[] = [];
  const want = JSON.stringify(expected);
  while (Date.now() < deadline) {
    const body = await getJson(
      `${address}/v1/windows?from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z`,
    );
    if (
      typeof body === "object" &&
      body !== null &&
      "windows" in body &&
      Array.isArray(body.windows)
    ) {
      actual = body.windows.map(comparable);
      if (
        JSON.stringify(actual.map(sortLevels)) === JSON.stringify(JSON.parse(want).map(sortLevels))
      ) {
        return actual;
      }
    }
    await sleep(250);
  }
  return actual;
}

function sortLevels(window: ExpectedWindow): unknown {
  return { ...window, levels: Object.entries(window.levels).toSorted() };
}

async function getJson(url: string): Promise<unknown> {
  try {
    const answer = await fetch(url);
    return await answer.json();
  } catch (error) {
    // The aggregator may be starting; the caller asks again until its deadline.
    return { failed: String(error) };
  }
}
