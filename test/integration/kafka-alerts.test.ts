/**
 * Real transactions, of half of the users in a file that an agent reads, of the others in the topic `business-events`, while agent and
 * aggregator are killed in the middle of patterns: `alerts-topic` holds each alert that others found, once.
 */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Daemon, freePort } from "../end-to-end/program.ts";
import {
  eventually,
  messagesOf,
  messagesOfTruth,
  retailRule,
  type Suspicion,
  selectorRevisions,
  shopAgent,
  THRESHOLDS,
  type Transaction,
  transactions,
  truthOf,
} from "../end-to-end/retail.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { createTopics, produce, readTopic, testClient } from "./kafka-topic.ts";

const TOPIC = "business-events";
/** Events are of whole minutes: no other is written behind this. */
const MARKER_AFTER_MS = 10_000;
const KILL_COUNT = Number(process.env["TAILRACE_KILLS"] ?? 8);
const DAY_MS = 86_400_000;
/** Nobody may be further behind than `hold_max`. */
const WRITTEN_AT_ONCE_MS = 10 * DAY_MS;

let cluster: KafkaCluster;
let home: string;
let address: string;
let agent: Daemon;
let aggregator: Daemon;

beforeAll(async () => {
  cluster = await KafkaCluster.start(1);
  home = mkdtempSync(join(tmpdir(), "tailrace-kafka-alerts-"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  mkdirSync(join(home, "rules"));
  for (const threshold of THRESHOLDS) {
    writeFileSync(join(home, `rules/${threshold.first}.yaml`), retailRule(threshold));
  }
  const { addresses: brokers } = cluster;
  const config = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(home, "aggregator") },
    ...{ rules: [join(home, "rules")], windows_retention: "365d" },
    // Months pass in a minute: nobody is left behind, and nobody is left out for being killed.
    time: { out_of_orderness: "1s", idle_after: "1h", hold_max: "30d" },
    sources: [{ name: "bus", type: "kafka", brokers, start_at: "beginning", topics: [TOPIC] }],
    sinks: [{ name: "out", type: "kafka", brokers, results: ["alerts"], flush_interval: "100ms" }],
  };
  writeFileSync(join(home, "aggregator.yaml"), JSON.stringify(config));
  writeFileSync(join(home, "agent.yaml"), shopAgent(home, address));
  agent = new Daemon(["agent", "--config", join(home, "agent.yaml")]);
  aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
});

afterAll(async () => {
  await agent.stop("SIGKILL");
  await aggregator.stop("SIGKILL");
  await cluster.remove();
  rmSync(home, { recursive: true, force: true });
});

const isInFile = ({ user }: { readonly user: string }) => Number(user) % 2 === 0;
const partitionOf = ({ user }: { readonly user: string }) => Math.floor(Number(user) / 2) % 2;

/** An event of nobody else, which moves the time of a file or partition on. */
function marker(timeMs: number): string {
  const timestamp = new Date(timeMs).toISOString();
  return JSON.stringify({ timestamp, eventType: "MARKER", userId: `marker-${timeMs}` });
}

function markers(timeMs: number) {
  return [0, 1].map((partition) => ({ value: marker(timeMs), partition }));
}

/**
 * Matches that are cut in two, of the file's and the topic's users in turn, spread over all the time. Every event of the minutes up to the
 * first payment is written before the kill, every other behind it.
 */
function cuts(): Suspicion[] {
  const apart = truthOf({ first: 300, second: 150 })
    .filter(({ firstMs, secondMs }) => secondMs > firstMs)
    .toSorted((a, b) => a.firstMs - b.firstMs);
  const found: Suspicion[] = [];
  for (let index = 0; index < KILL_COUNT; index++) {
    const from = Math.floor((index * apart.length) / KILL_COUNT);
    const wanted = index % 2 === 0;
    const cut = apart.slice(from).find((one) => isInFile(one) === wanted);
    if (cut !== undefined && cut.firstMs > (found.at(-1)?.firstMs ?? 0)) found.push(cut);
  }
  return found;
}

/** How far the file and both partitions of the topic are counted, in event time. */
async function counted(): Promise<string[]> {
  const [agents, sources] = await Promise.all(
    ["agents", "sources"].map(async (name) => (await fetch(`${address}/v1/${name}`)).text()),
  );
  const { agents: known }: { agents: { sources: Reached[] }[] } = JSON.parse(agents ?? "");
  const { sources: inlets }: { sources: Reached[] } = JSON.parse(sources ?? "");
  return [...known.flatMap((one) => one.sources), ...inlets].map((one) => one.eventTimeMax);
}

interface Reached {
  readonly eventTimeMax: string;
}

async function hasPartialMatch(): Promise<boolean> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const found = /^tailrace_rule_partial_matches\{rule="retail-fraud-300"\} (\d+)$/m.exec(text);
  return Number(found?.[1]) > 0;
}

async function topicAlerts(): Promise<string[]> {
  const records = await readTopic(cluster.addresses, "alerts-topic");
  return messagesOf(records.map(({ value }) => JSON.parse(value)));
}

/** Kills the ones and starts them again, which may be before the others are killed. */
async function crash(...victims: readonly Daemon[]): Promise<void> {
  for (const victim of victims) await victim.stop("SIGKILL");
  for (const victim of victims) victim.start();
}

it("alerts arrive once, though agent and aggregator are killed in the middle of patterns", async () => {
  const client = testClient(cluster.addresses);
  await createTopics(client, { [TOPIC]: 2 });
  const stderr = () => `${agent.stderr}\n${aggregator.stderr}`;
  const all = transactions();
  const file = join(home, "shop.log");
  // Each of the three ways in holds back time, from its first event on.
  const beginMs = (all[0]?.timeMs ?? 0) - DAY_MS;
  writeFileSync(file, `${marker(beginMs)}\n`);
  await produce(client, TOPIC, markers(beginMs));
  aggregator.start();
  agent.start();
  const hasSwitched = async () =>
    (await selectorRevisions(address)).every((revision) => revision !== "");
  expect(await eventually(async () => (await selectorRevisions(address)).length, 1)).toBe(1);
  expect(await eventually(hasSwitched, true), stderr()).toBe(true);
  const reach = async (timeMs: number) => {
    const reached = Array.from({ length: 3 }, () => new Date(timeMs).toISOString());
    expect(await eventually(counted, reached), stderr()).toEqual(reached);
  };
  await reach(beginMs);

  const write = async (part: readonly Transaction[], untilMs: number) => {
    const lines = part.filter(isInFile).map(({ line }) => `${line}\n`);
    appendFileSync(file, `${lines.join("")}${marker(untilMs)}\n`);
    const others = part.filter((one) => !isInFile(one));
    const records = others.map((one) => ({ value: one.line, partition: partitionOf(one) }));
    await produce(client, TOPIC, [...records, ...markers(untilMs)]);
  };
  let fromMs = beginMs;
  let sliceCount = 0;
  const writeTo = async (toMs: number) => {
    while (fromMs < toMs) {
      const untilMs = Math.min(fromMs + WRITTEN_AT_ONCE_MS, toMs);
      const part = all.filter(({ timeMs }) => timeMs > fromMs && timeMs <= untilMs);
      await write(part, untilMs + MARKER_AFTER_MS);
      // Also while what was written is under way.
      if (sliceCount++ % 4 === 1) await crash(agent, aggregator);
      await reach(untilMs + MARKER_AFTER_MS);
      fromMs = untilMs;
    }
  };
  for (const [index, { firstMs }] of cuts().entries()) {
    await writeTo(firstMs);
    expect(await eventually(hasPartialMatch, true), stderr()).toBe(true);
    await crash(...(index % 3 === 2 ? [aggregator] : [agent, aggregator]));
  }
  await writeTo((all.at(-1)?.timeMs ?? 0) + DAY_MS);

  const expected = messagesOfTruth();
  expect(await eventually(topicAlerts, expected), stderr()).toEqual(expected);
  await crash(aggregator);
  expect(await eventually(hasSwitched, true), stderr()).toBe(true);
  expect(await topicAlerts()).toEqual(expected);
}, 400_000);
