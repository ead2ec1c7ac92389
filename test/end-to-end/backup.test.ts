import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort, runProgram } from "./program.ts";
import { comparable, type ExpectedWindow, recount, type WrittenLine } from "./recount.ts";

const WAIT_MS = 30_000;
let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;
let config: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-backup-"));
  mkdirSync(join(home, "logs"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  config = join(home, "aggregator.yaml");
  const out = join(home, "windows.ndjson");
  const dataDir = join(home, "aggregator");
  writeFileSync(
    config,
    `listen: 127.0.0.1:${port}\ndata_dir: ${dataDir}\nsinks: [{ name: out, type: file, path: ${out}, flush_interval: 100ms }]\n`,
  );
  writeFileSync(
    join(home, "agent.yaml"),
    [
      "id: web-1",
      `data_dir: ${join(home, "agent")}`,
      `sources: [{ name: app, type: file, paths: ["${home}/logs/*.log"], format: json, start_at: beginning }]`,
      "flush_interval: 200ms\npoll_interval: 100ms",
      `ship: { endpoints: ["${address}"] }`,
    ].join("\n"),
  );
  agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  aggregator = new Daemon(["aggregator", "--config", config]);
});

afterEach(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

/** Appends lines to a log and tells what they must count. */
function write(log: string, service: string, count: number): WrittenLine[] {
  const lines = Array.from({ length: count }, (_, index) => ({
    service,
    timeMs: Date.now() - (index % 5) * 60_000,
    level: index % 10 === 0 ? "ERROR" : "INFO",
    durationMs: index,
  }));
  const text = lines.map(({ timeMs, durationMs, ...line }) =>
    JSON.stringify({ ...line, timestamp: new Date(timeMs).toISOString(), duration: durationMs }),
  );
  appendFileSync(join(home, "logs", log), `${text.join("\n")}\n`);
  return lines;
}

async function get(path: string): Promise<Record<string, unknown>[]> {
  try {
    const answer: unknown = await (await fetch(`${address}${path}`)).json();
    const [list]: unknown[] =
      typeof answer === "object" && answer !== null ? Object.values(answer) : [];
    return Array.isArray(list) ? list : [];
  } catch {
    // It may be starting.
    return [];
  }
}

/** The windows once they are what the lines must count, else as they are when the time is over. */
async function settled(lines: readonly WrittenLine[]): Promise<ExpectedWindow[]> {
  const want = recount(lines);
  const deadline = Date.now() + WAIT_MS;
  for (;;) {
    const windows = (await get("/v1/windows")).map(comparable);
    if (windows.length === want.length && sum(windows) === sum(want)) return windows;
    if (Date.now() > deadline) return windows;
    await sleep(100);
  }
}

function sum(windows: readonly ExpectedWindow[]): number {
  return windows.reduce((total, { requestCount }) => total + requestCount, 0);
}

/** Names of the files of the agent's spool that hold records. */
function segments(): string[] {
  return readdirSync(join(home, "agent", "spool")).filter((name) => name.startsWith("segment"));
}

/** The newest revision of every window of a minute in the file sink. */
function newestInFile(): ExpectedWindow[] {
  const newest = new Map<string, Record<string, unknown>>();
  let last = 0;
  for (const text of readFileSync(join(home, "windows.ndjson"), "utf8").trimEnd().split("\n")) {
    const window = JSON.parse(text);
    const key = `${window.windowStart} ${window.service}`;
    const before = newest.get(key);
    last = Number(before?.["revision"] ?? 0);
    expect(window.revision).toBeGreaterThan(last);
    newest.set(key, window);
  }
  return [...newest.keys()].toSorted().map((key) => comparable(newest.get(key) ?? {}));
}

const restore = (...more: string[]) =>
  runProgram(["restore", join(home, "backup"), "--config", config, ...more]);

describe("a restored aggregator", () => {
  it("gets all again that files and spools still hold, each line once, also in sinks (NET-03)", async () => {
    aggregator.start();
    agent.start();
    const kept = [...write("kept.log", "orders", 300), ...write("gone.log", "carts", 200)];
    expect(await settled(kept)).toEqual(recount(kept));
    const backup = ["backup", join(home, "backup"), "--endpoint", address];
    const made = await runProgram(backup);
    expect([made.code, made.stderr]).toEqual([0, expect.stringContaining("backed up to")]);
    expect((await runProgram(backup)).stderr).toContain("is not empty");

    kept.push(...write("kept.log", "orders", 150), ...write("gone.log", "carts", 70));
    expect(await settled(kept)).toEqual(recount(kept));
    // Applied, and no file holds it any more: only the spool does.
    rmSync(join(home, "logs", "gone.log"));
    await agent.stop("SIGTERM");
    agent.start();
    await aggregator.stop("SIGKILL");
    kept.push(...write("kept.log", "orders", 40));

    const refused = await restore();
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("--replace")]);
    const done = await restore("--replace");
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("before-restore-")]);
    aggregator.start();
    kept.push(...write("kept.log", "orders", 25));
    expect(await settled(kept)).toEqual(recount(kept));
    await sleep(1_000);
    expect(await settled(kept)).toEqual(recount(kept));
    await aggregator.stop("SIGTERM");
    expect(newestInFile()).toEqual(recount(kept));
  }, 120_000);

  it("says what neither files nor spools hold any more, in bytes, and counts all else (NET-03)", async () => {
    // Small segments, so that the spool soon forgets what was applied.
    appendFileSync(
      join(home, "agent.yaml"),
      "\nspool: { max_bytes: 64KiB, segment_bytes: 4KiB }\n",
    );
    aggregator.start();
    agent.start();
    const kept = write("kept.log", "orders", 100);
    expect(await settled(kept)).toEqual(recount(kept));
    expect((await runProgram(["backup", join(home, "backup"), "--endpoint", address])).code).toBe(
      0,
    );
    const gone = write("gone.log", "carts", 70);
    const goneBytes = statSync(join(home, "logs", "gone.log")).size;
    expect(await settled([...kept, ...gone])).toEqual(recount([...kept, ...gone]));
    rmSync(join(home, "logs", "gone.log"));
    const before = segments();
    while (segments().some((segment) => before.includes(segment))) {
      kept.push(...write("kept.log", "orders", 30));
      await settled([...kept, ...gone]);
    }
    await aggregator.stop("SIGKILL");
    expect((await restore("--replace")).code).toBe(0);
    aggregator.start();
    kept.push(...write("kept.log", "orders", 20));
    expect(await settled(kept)).toEqual(recount(kept));
    const lost = { source: "app", kind: "lost", reason: "lost_by_aggregator", bytes: goneBytes };
    await expect
      .poll(() => get("/v1/ledger"), { timeout: WAIT_MS })
      .toContainEqual(expect.objectContaining({ agent: "web-1", ...lost }));
    const [web] = await get("/v1/agents");
    expect(web?.["ledger"]).toContainEqual(expect.objectContaining(lost));
    const ledger = await runProgram(["ledger", "--config", join(home, "agent.yaml")]);
    const balance = new RegExp(` ${goneBytes} +0 +balances over`);
    expect([ledger.code, ledger.stdout]).toEqual([0, expect.stringMatching(balance)]);
    expect(await settled(kept)).toEqual(recount(kept));
  }, 180_000);

  it("does not start half restored, nor from a damaged backup", async () => {
    aggregator.start();
    agent.start();
    const lines = write("kept.log", "orders", 50);
    await settled(lines);
    expect((await runProgram(["backup", join(home, "backup"), "--endpoint", address])).code).toBe(
      0,
    );
    const running = await restore("--replace");
    expect([running.code, running.stderr]).toEqual([1, expect.stringContaining("Stop it first")]);
    await aggregator.stop("SIGKILL");
    writeFileSync(join(home, "aggregator", "restoring"), "");
    const half = await runProgram(["aggregator", "--config", config]);
    expect([half.code, half.stderr]).toEqual([1, expect.stringContaining("was interrupted")]);
    appendFileSync(join(home, "backup", "state.sqlite"), "x");
    const damaged = await restore();
    expect([damaged.code, damaged.stderr]).toEqual([
      1,
      expect.stringContaining("not what was written"),
    ]);
    rmSync(join(home, "backup", "backup.json"));
    const unfinished = await restore();
    expect([unfinished.code, unfinished.stderr]).toEqual([
      1,
      expect.stringContaining("not finished"),
    ]);
  }, 120_000);
});

describe("an aggregator whose log was harmed on the disk", () => {
  it("says which file, and goes on without it: agents send again what was not applied", async () => {
    aggregator.start();
    agent.start();
    const lines: WrittenLine[] = [];
    // Each is a record of its own.
    for (let step = 0; step < 3; step++) {
      lines.push(...write("kept.log", "orders", 40));
      expect(await settled(lines)).toEqual(recount(lines));
    }
    await aggregator.stop("SIGKILL");
    lines.push(...write("kept.log", "orders", 60));
    const folder = join(home, "aggregator", "log");
    const [name = ""] = readdirSync(folder).filter((found) => found.endsWith(".log"));
    const bytes = readFileSync(join(folder, name));
    // Between whole records, so that it is no torn tail.
    bytes.fill(0, 100, 200);
    writeFileSync(join(folder, name), bytes);
    const refused = await runProgram(["aggregator", "--config", config]);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(name)]);
    expect(refused.stderr).toContain("Move this file away and start again");
    renameSync(join(folder, name), join(home, name));
    aggregator.start();
    expect(await settled(lines)).toEqual(recount(lines));
    lines.push(...write("kept.log", "orders", 40));
    expect(await settled(lines)).toEqual(recount(lines));
    await aggregator.stop("SIGTERM");
    expect(newestInFile()).toEqual(recount(lines));
  }, 120_000);
});
