import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort } from "./program.ts";

const GOLDEN = join(import.meta.dirname, "../golden/events");
const LINES = gunzipSync(readFileSync(join(GOLDEN, "retail-transactions.ndjson.gz")))
  .toString()
  .trimEnd()
  .split("\n");
/** Kills of both processes while the file is written. */
const KILLS = 6;
const WAIT_MS_MAX = 60_000;

const RULE = `
name: retail-fraud
summary: A payment above 300, and as the user's very next event one above 150, within five minutes.
stream: business-events
key: userId
within: 5m
stages:
  - { name: first, where: "amount > 300" }
  - { name: second, contiguity: next, where: "amount > 150" }
alert:
  type: FRAUD_SUSPICION
  severity: critical
  message: "{{key}} {{first(first.orderId)}} {{first(second.orderId)}}"
`;

let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-alerts-"));
  mkdirSync(join(home, "rules"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, "rules/retail-fraud.yaml"), RULE);
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${join(home, "aggregator")}
rules: ["${join(home, "rules")}"]
sinks: [{ name: out, type: file, alerts_path: ${join(home, "alerts.ndjson")}, flush_interval: 100ms }]
`,
  );
  writeFileSync(
    join(home, "agent.yaml"),
    `id: web-1
data_dir: ${join(home, "agent")}
sources:
  - name: shop
    type: file
    paths: ["${join(home, "shop.log")}"]
    format: json
    stream: business-events
    start_at: beginning
flush_interval: 200ms
poll_interval: 200ms
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

/** What others found in the same transactions; exactly five minutes are not within them. */
function truth(): string[] {
  const [, ...rows] = readFileSync(join(GOLDEN, "retail-fraud-300-150.csv"), "utf8")
    .trim()
    .split("\n");
  return rows
    .map((row) => row.split(","))
    .filter((cells) => Number(cells[7]) < 300)
    .map(([user, firstOrder, , , secondOrder]) => `${user} ${firstOrder} ${secondOrder}`)
    .toSorted();
}

function messagesOf(alerts: readonly { readonly message: string }[]): string[] {
  return alerts.map(({ message }) => message).toSorted();
}

function fileAlerts(): string[] {
  const lines = readFileSync(join(home, "alerts.ndjson"), "utf8").split("\n").slice(0, -1);
  return messagesOf(lines.map((line) => JSON.parse(line)));
}

/** Revisions of the selectors by which the agents select. */
async function revisions(): Promise<string[]> {
  const answer = await fetch(`${address}/v1/agents`);
  const { agents }: { agents: { selectorRevision: string }[] } = JSON.parse(await answer.text());
  return agents.map(({ selectorRevision }) => selectorRevision);
}

function shop(...lines: readonly Readonly<Record<string, unknown>>[]): void {
  const text = lines.map((line) => `${JSON.stringify({ timestamp: new Date(), ...line })}\n`);
  appendFileSync(join(home, "shop.log"), text.join(""));
}

async function apiAlerts(): Promise<string[]> {
  const answer = await fetch(`${address}/v1/alerts?rule=retail-fraud`);
  const { alerts }: { alerts: { message: string }[] } = JSON.parse(await answer.text());
  return messagesOf(alerts);
}

/** Repeats `look` until it gives `expected`, and resolves with what it gave last. */
async function eventually<T>(look: () => T | Promise<T>, expected: T): Promise<T | undefined> {
  let last: T | undefined;
  for (let waitedMs = 0; waitedMs < WAIT_MS_MAX; waitedMs += 200) {
    try {
      last = await look();
      if (JSON.stringify(last) === JSON.stringify(expected)) break;
    } catch {
      // It has yet to start, or the file is not there yet.
    }
    await sleep(200);
  }
  return last;
}

describe("real transactions, with kill -9 of agent and aggregator in the middle", () => {
  it("raise each alert once, in the file and in the API", { timeout: 180_000 }, async () => {
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
      await sleep(200 + 150 * life);
      // Both at once, or one after the other.
      const victims = life % 3 === 0 ? [agent, aggregator] : [life % 2 === 0 ? agent : aggregator];
      for (const victim of victims) await victim.stop("SIGKILL");
      for (const victim of victims) victim.start();
    }
    const expected = truth();
    expect(expected.length).toBeGreaterThan(40);
    const stderr = () => `${agent.stderr}\n${aggregator.stderr}`;
    expect(await eventually(apiAlerts, expected), stderr()).toEqual(expected);
    expect(await eventually(fileAlerts, expected), stderr()).toEqual(expected);
  });
});

describe("a rule file", () => {
  it("that comes while all runs sees what is written then; a wrong one changes nothing", {
    timeout: 120_000,
  }, async () => {
    rmSync(join(home, "rules/retail-fraud.yaml"));
    const config = readFileSync(join(home, "aggregator.yaml"), "utf8");
    const glob = config.replace(`${join(home, "rules")}"`, `${join(home, "rules")}/*.yaml"`);
    writeFileSync(join(home, "aggregator.yaml"), `${glob}time: { out_of_orderness: 100ms }\n`);
    aggregator.start();
    agent.start();
    const payment = (orderId: number, amount: number) => ({ userId: "ann", orderId, amount });
    shop(payment(1, 500), payment(2, 500));
    expect(await eventually(revisions, [""])).toEqual([""]);

    writeFileSync(join(home, "rules/retail-fraud.yaml"), RULE);
    const hasSwitched = async () => (await revisions()).every((revision) => revision !== "");
    expect(await eventually(hasSwitched, true), aggregator.stderr).toBe(true);
    shop(payment(3, 500), payment(4, 500));
    writeFileSync(
      join(home, "rules/wrong.yaml"),
      RULE.replace("severity: critical", "severity: x"),
    );
    const isTold = () => /wrong.yaml:12/.test(aggregator.stderr);
    expect(await eventually(isTold, true), aggregator.stderr).toBe(true);
    await sleep(1_000);
    shop(payment(5, 1));
    expect(await eventually(apiAlerts, ["ann 3 4"]), aggregator.stderr).toEqual(["ann 3 4"]);
  });
});
