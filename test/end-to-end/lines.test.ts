/** Dimensions, measures, sample lines and raw lines of a real log on their whole way: two processes, kills, the API, the archive. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { z } from "zod";
import { Daemon, freePort, runProgram } from "./program.ts";

const windowSchema = z.object({
  requestCount: z.number(),
  dimensions: z.record(z.string(), z.string()),
  measures: z.record(z.string(), z.record(z.string(), z.number())),
  exemplars: z.array(z.object({ id: z.string(), line: z.string() })).default([]),
});
const lineSchema = z.object({ id: z.string(), line: z.string(), weight: z.number() });

let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-lines-"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${join(home, "aggregator")}
archive: { dir: ${join(home, "archive")}, interval: 1s }
sinks: [{ name: out, type: file, lines_path: ${join(home, "lines.ndjson")}, flush_interval: 100ms }]
`,
  );
  writeFileSync(
    join(home, "agent.yaml"),
    `id: web-1
data_dir: ${join(home, "agent")}
flush_interval: 50ms
poll_interval: 50ms
sources:
  - name: app
    type: file
    paths: ["${join(home, "app.log")}"]
    start_at: beginning
    aggregate:
      dimensions: [path]
      measures: { bytes: { sum: size }, users: { distinct: user } }
      exemplars: {}
    lines: { lines_per_second: 10000 }
ship: { endpoints: ["${address}"] }
`,
  );
  agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
});

afterEach(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

function write(from: number, count: number): void {
  let text = "";
  for (let number = from; number < from + count; number++) {
    const level = number % 10 === 0 ? "error" : "info";
    const path = number % 4 === 0 ? "/cart" : "/pay";
    const fields = { level, service: "shop", path, user: number % 7, size: number, card: CARD };
    text += `${JSON.stringify({ time: "2026-11-20T10:00:00Z", number, ...fields })}\n`;
  }
  appendFileSync(join(home, "app.log"), text);
}

const CARD = "4111111111111111";
const WAIT_MS_MAX = 30_000;

/** Repeats `look` until it finds nothing wrong. */
async function until(look: () => Promise<void>): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += 200) {
    try {
      await look();
      return;
    } catch (error) {
      if (waitedMs >= WAIT_MS_MAX) throw error;
    }
    await sleep(200);
  }
}

async function ask<T>(path: string, kind: string, item: z.ZodType<T>): Promise<T[]> {
  const answer = await fetch(address + path);
  return z.array(item).parse(z.looseObject({}).parse(await answer.json())[kind]);
}

it("counts every line once in its part, and stores every error once, whatever is killed", async () => {
  agent.start();
  aggregator.start();
  const total = 2000;
  for (let from = 0; from < total; from += 500) {
    write(from, 500);
    await until(async () => {
      const lines = await ask("/v1/lines", "lines", lineSchema);
      expect(lines.length).toBe((from + 500) / 10);
    });
    const victim = from % 1000 === 0 ? agent : aggregator;
    await victim.stop("SIGKILL");
    victim.start();
  }
  await until(async () => {
    const parts = await ask("/v1/windows?by=path", "windows", windowSchema);
    expect(parts.map(({ dimensions, requestCount }) => [dimensions, requestCount])).toEqual([
      [{ path: "/cart" }, total / 4],
      [{ path: "/pay" }, (total * 3) / 4],
    ]);
    const lines = await ask("/v1/lines?service=shop&level=error", "lines", lineSchema);
    const numbers = lines.map(({ line }) =>
      z.looseObject({ number: z.int() }).parse(JSON.parse(line)),
    );
    expect(numbers.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: total / 10 }, (_, index) => index * 10),
    );
    expect(new Set(lines.map(({ id }) => id)).size).toBe(lines.length);
    expect(JSON.stringify(lines)).not.toContain(CARD);
  });
  const [whole] = await ask("/v1/windows", "windows", windowSchema);
  expect(whole?.measures).toEqual({
    bytes: { sum: (total * (total - 1)) / 2 },
    users: { distinct: 7 },
  });
  expect(whole?.exemplars).toHaveLength(3);
  for (const { line } of whole?.exemplars ?? []) expect(line).toContain("[card]");
  const stored = await ask("/v1/lines", "lines", lineSchema);
  await until(async () => {
    const written = readFileSync(join(home, "lines.ndjson"), "utf8").trim().split("\n");
    const ids = written.map((text) => lineSchema.parse(JSON.parse(text)).id);
    expect(ids.toSorted()).toEqual(stored.map(({ id }) => id).toSorted());
  });
  const config = (name: string) => join(home, name);
  const ledger = await runProgram(["ledger", "--config", config("agent.yaml")]);
  expect([ledger.code, ledger.stderr]).toEqual([0, ""]);
  expect(ledger.stdout).toMatch(/raw lines +200 += +200 +0/);
  await aggregator.stop("SIGTERM");
  const sql =
    "SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS ids FROM lines UNION ALL " +
    "SELECT sum(request_count)::INT, count(DISTINCT dimensions)::INT FROM deltas";
  const words = ["query", "--config", config("aggregator.yaml"), "--output", "ndjson"];
  const run = await runProgram([...words, "--sql", sql]);
  expect(
    run.stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { n: total / 10, ids: total / 10 },
    { n: total, ids: 2 },
  ]);
}, 60_000);
