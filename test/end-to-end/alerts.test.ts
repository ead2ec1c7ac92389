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
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort, runProgram } from "./program.ts";
import {
  eventually,
  messagesOf,
  messagesOfTruth,
  RETAIL_FILE,
  retailRule,
  selectorRevisions,
  shopAgent,
  THRESHOLDS,
  transactions,
} from "./retail.ts";

/** Kills of both processes while the file is written. */
const KILLS = 6;
const LINES_AT_ONCE = 80;

let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-alerts-"));
  mkdirSync(join(home, "rules"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  for (const threshold of THRESHOLDS)
    writeFileSync(ruleFile(threshold.first), retailRule(threshold));
  writeFileSync(
    join(home, "aggregator.yaml"),
    `listen: 127.0.0.1:${port}
data_dir: ${join(home, "aggregator")}
rules: ["${join(home, "rules")}"]
windows_retention: 365d
sinks: [{ name: out, type: file, alerts_path: ${join(home, "alerts.ndjson")}, flush_interval: 100ms }]
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

function ruleFile(first: number): string {
  return join(home, `rules/retail-fraud-${first}.yaml`);
}

function fileAlerts(): string[] {
  const lines = readFileSync(join(home, "alerts.ndjson"), "utf8").split("\n").slice(0, -1);
  return messagesOf(lines.map((line) => JSON.parse(line)));
}

function shop(...lines: readonly Readonly<Record<string, unknown>>[]): void {
  const text = lines.map((line) => `${JSON.stringify({ timestamp: new Date(), ...line })}\n`);
  appendFileSync(join(home, "shop.log"), text.join(""));
}

async function apiAlerts(): Promise<string[]> {
  const answer = await fetch(`${address}/v1/alerts?type=FRAUD_SUSPICION`);
  const { alerts }: { alerts: { message: string }[] } = JSON.parse(await answer.text());
  return messagesOf(alerts);
}

describe("real transactions in a file", () => {
  it("give exactly what others found, for every threshold, by `rules run`", async () => {
    const words = ["rules", "run", join(home, "rules"), "--events", RETAIL_FILE];
    const { code, stdout, stderr } = await runProgram(words);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const found = stdout.split("\n").slice(0, -1);
    const matches = found.map((line) => JSON.parse(line)).filter(({ kind }) => kind === "match");
    expect(messagesOf(matches.map(({ alert }) => alert))).toEqual(messagesOfTruth());
  });
});

describe("real transactions, with kill -9 of agent and aggregator in the middle", () => {
  it("raise each alert once, in the file and in the API", { timeout: 180_000 }, async () => {
    aggregator.start();
    agent.start();
    const all = transactions().map(({ line }) => `${line}\n`);
    const linesPerLife = Math.ceil(all.length / (KILLS + 1));
    for (let life = 0; life <= KILLS; life++) {
      const lines = all.slice(life * linesPerLife, (life + 1) * linesPerLife);
      for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
        appendFileSync(join(home, "shop.log"), lines.slice(at, at + LINES_AT_ONCE).join(""));
        await sleep(20);
      }
      if (life === KILLS) break;
      await sleep(200 + 150 * life);
      // Both at once, or one after the other.
      const victims = life % 3 === 0 ? [agent, aggregator] : [life % 2 === 0 ? agent : aggregator];
      for (const victim of victims) await victim.stop("SIGKILL");
      for (const victim of victims) victim.start();
    }
    const expected = messagesOfTruth();
    expect(expected).toHaveLength(148);
    const stderr = () => `${agent.stderr}\n${aggregator.stderr}`;
    expect(await eventually(apiAlerts, expected), stderr()).toEqual(expected);
    expect(await eventually(fileAlerts, expected), stderr()).toEqual(expected);
  });
});

describe("a rule file", () => {
  it("that comes while all runs sees what is written then; a wrong one changes nothing", {
    timeout: 120_000,
  }, async () => {
    for (const { first } of THRESHOLDS) rmSync(ruleFile(first));
    const config = readFileSync(join(home, "aggregator.yaml"), "utf8");
    const glob = config.replace(`${join(home, "rules")}"`, `${join(home, "rules")}/*.yaml"`);
    writeFileSync(join(home, "aggregator.yaml"), `${glob}time: { out_of_orderness: 100ms }\n`);
    aggregator.start();
    agent.start();
    const payment = (orderId: number, amount: number) => ({ userId: "ann", orderId, amount });
    shop(payment(1, 500), payment(2, 500));
    expect(await eventually(() => selectorRevisions(address), [""])).toEqual([""]);

    const rule = retailRule({ first: 300, second: 150 });
    writeFileSync(ruleFile(300), rule);
    const hasSwitched = async () =>
      (await selectorRevisions(address)).every((revision) => revision !== "");
    expect(await eventually(hasSwitched, true), aggregator.stderr).toBe(true);
    shop(payment(3, 500), payment(4, 500));
    writeFileSync(
      join(home, "rules/wrong.yaml"),
      rule.replace("severity: critical", "severity: x"),
    );
    const isTold = () => /wrong.yaml:11/.test(aggregator.stderr);
    expect(await eventually(isTold, true), aggregator.stderr).toBe(true);
    await sleep(1_000);
    shop(payment(5, 1));
    expect(await eventually(apiAlerts, ["300 ann 3 4"]), aggregator.stderr).toEqual([
      "300 ann 3 4",
    ]);
  });
});
