import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort, runProgram } from "./program.ts";
import { eventually, retailRule, shopAgent, transactions } from "./retail.ts";

const LINES = transactions("2011-05-01").map(({ line }) => line);
/** Kills of both processes while the file is written. */
const KILLS = 4;

const SILENCE = `
name: no-more
summary: A payment above 900 after which the user pays nothing for an hour.
stream: business-events
key: userId
within: 1h
stages:
  - { name: large, where: "amount > 900" }
  - { name: more, contiguity: notFollowedBy, where: "amount > 0" }
alert: { type: SILENCE, severity: info, message: "{{key}}", cooldown: 2h }
`;

const BUSY = `
name: busy-shop
summary: A minute with several payments, and as the shop's next one a dearer or a quieter one.
stream: service-metrics
key: service
within: 10m
skip: skipPastLastEvent
onTimeout: alert
stages:
  - { name: busy, where: "requestCount > 1", times: { min: 1, max: null }, consecutive: true }
  - { name: quiet, contiguity: next, where: "requestCount == 1 && responseTime == null" }
alert: { type: BUSY, severity: info, message: "{{service}} {{sum(busy.requestCount)}}" }
`;

let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-archive-"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, "fraud.yaml"), retailRule({ first: 300, second: 150 }));
  writeFileSync(join(home, "silence.yaml"), SILENCE);
  writeFileSync(join(home, "busy.yaml"), BUSY);
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${join(home, "aggregator")}
rules: ["${home}/{fraud,silence,busy}.yaml"]
windows_retention: 90d
archive: { dir: ${join(home, "archive")}, interval: 1s }
`,
  );
  writeFileSync(join(home, "agent.yaml"), shopAgent(home, address));
  agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
});

afterEach(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

async function tailrace(...words: readonly string[]): Promise<string[]> {
  const run = await runProgram(words);
  expect(run.code, run.stderr).toBe(0);
  return run.stdout.split("\n").slice(0, -1);
}

async function query(sql: string): Promise<unknown[]> {
  const config = join(home, "aggregator.yaml");
  const lines = await tailrace("query", "--config", config, "--output", "ndjson", "--sql", sql);
  return lines.map((line) => JSON.parse(line));
}

async function apiAlerts(): Promise<string[]> {
  const answer = await fetch(`${address}/v1/alerts`);
  const { alerts }: { alerts: unknown[] } = JSON.parse(await answer.text());
  return alerts.map((alert) => JSON.stringify(alert)).toSorted();
}

/** A counter or gauge of the aggregator. */
async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${address}/metrics`)).text();
  return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1]);
}

describe("real transactions, with kill -9 of agent and aggregator in the middle", () => {
  it("are archived once each, and a backtest finds the alerts of the live run", {
    timeout: 180_000,
  }, async () => {
    aggregator.start();
    agent.start();
    const linesPerLife = Math.ceil(LINES.length / (KILLS + 1));
    for (let life = 0; life <= KILLS; life++) {
      const lines = LINES.slice(life * linesPerLife, (life + 1) * linesPerLife);
      for (let at = 0; at < lines.length; at += 20) {
        const text = lines.slice(at, at + 20).map((line) => `${line}\n`);
        appendFileSync(join(home, "shop.log"), text.join(""));
        await sleep(20);
      }
      if (life === KILLS) break;
      await sleep(600 + 350 * life);
      const victims = life % 2 === 0 ? [agent, aggregator] : [aggregator];
      for (const victim of victims) await victim.stop("SIGKILL");
      for (const victim of victims) victim.start();
    }
    const received = () => metric("tailrace_lines_received_total");
    expect(await eventually(received, LINES.length), aggregator.stderr).toBe(LINES.length);
    const waiting = () => metric("tailrace_archive_waiting_bytes");
    expect(await eventually(waiting, 0), aggregator.stderr).toBe(0);

    const [events] = await query(
      "SELECT count(*) AS n, count(DISTINCT place) AS places, count(DISTINCT fields->>'userId') > 1 AS hasFields FROM events",
    );
    expect(events).toEqual({ n: LINES.length, places: LINES.length, hasFields: true });
    const [deltas] = await query(
      "SELECT sum(request_count) AS n FROM deltas WHERE stream = 'business-events'",
    );
    expect(deltas).toEqual({ n: LINES.length });

    const live = await apiAlerts();
    for (const type of ["FRAUD_SUSPICION", "SILENCE", "BUSY"]) {
      expect(live.filter((alert) => alert.includes(`"${type}"`)).length).toBeGreaterThan(40);
    }
    const rules = ["fraud.yaml", "silence.yaml", "busy.yaml"].map((name) => join(home, name));
    const until = await watermark();
    const archive = join(home, "archive");
    const lines = await tailrace(
      ...["rules", "backtest", ...rules, "--archive", archive, "--to", until],
    );
    const found = lines
      .map((line) => JSON.parse(line))
      .filter(({ alert }) => alert !== undefined)
      .map(({ alert }) => JSON.stringify(alert))
      .toSorted();
    expect(found).toEqual(live);
  });
});

/** The watermark plus one: all events before it were shown to rules. */
async function watermark(): Promise<string> {
  const seconds = await metric("tailrace_watermark_seconds");
  return new Date(Math.round(seconds * 1_000) + 1).toISOString();
}
