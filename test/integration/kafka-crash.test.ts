/** Topics in, windows and alerts out, while the aggregator is killed at random moments: every record counts once, every alert arrives once. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { Daemon, freePort } from "../end-to-end/program.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { createTopics, produce, readTopic, testClient } from "./kafka-topic.ts";

const KILL_COUNT = Number(process.env["TAILRACE_KILLS"] ?? 6);
const ROUND_COUNT = 6 * KILL_COUNT;
const USERS_PER_ROUND = 5;
const SOON = { timeout: 90_000, interval: 200 };

let cluster: KafkaCluster;
let folder: string;
let daemon: Daemon;

beforeAll(async () => {
  cluster = await KafkaCluster.start(1);
  folder = await mkdtemp(join(tmpdir(), "tailrace-crash-"));
});
afterEach(() => daemon.stop("SIGKILL"));
afterAll(async () => {
  await cluster.remove();
  await rm(folder, { recursive: true, force: true });
});

const RULE = {
  ...{ name: "fraud", summary: "Two large payments of one user.", stream: "business-events" },
  ...{ key: "userId", within: "5m" },
  stages: [
    { name: "first", where: "amount > 10000" },
    { name: "second", contiguity: "next", where: "amount > 5000" },
  ],
  alert: { type: "FRAUD", severity: "critical", message: "User {{key}} paid twice." },
};

async function configure(port: number): Promise<string> {
  await writeFile(join(folder, "fraud.yaml"), JSON.stringify(RULE));
  const { addresses: brokers } = cluster;
  const config = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(folder, "data") },
    rules: [join(folder, "fraud.yaml")],
    // Longer than a restart takes: an event behind the watermark is too late for rules.
    time: { out_of_orderness: "1s", idle_after: "20s", hold_max: "1h" },
    sources: [
      {
        ...{ name: "bus", type: "kafka", brokers, start_at: "beginning" },
        topics: ["application-logs", "business-events"],
      },
    ],
    sinks: [
      { name: "out", type: "kafka", brokers, flush_interval: "100ms", topic: "windows" },
      { ...{ name: "wide", type: "kafka", brokers, flush_interval: "100ms" }, ...FIVE_MINUTES },
    ],
  };
  const file = join(folder, "aggregator.yaml");
  await writeFile(file, JSON.stringify(config));
  return file;
}

const FIVE_MINUTES = {
  ...{ results: ["windows"], topic: "service-metrics", window: "5m", stream: "application-logs" },
};

interface Figures {
  readonly count: number;
  readonly errors: number;
}

/** What windows of a topic say in their newest revision, by service. */
async function newest(topic: string): Promise<Map<string, Figures>> {
  const byId = new Map<string, { readonly revision: number; readonly window: object }>();
  for (const { key, value, headers } of await readTopic(cluster.addresses, topic)) {
    const revision = Number(headers["revision"]);
    const window: unknown = JSON.parse(value);
    if (typeof window !== "object" || window === null) continue;
    expect(Reflect.get(window, "revision")).toBe(revision);
    if (revision >= (byId.get(key)?.revision ?? 0)) byId.set(key, { revision, window });
  }
  const sums = new Map<string, Figures>();
  for (const { window } of byId.values()) {
    const name = `${Reflect.get(window, "stream")} ${Reflect.get(window, "service")}`;
    const before = sums.get(name) ?? { count: 0, errors: 0 };
    const count = before.count + Number(Reflect.get(window, "requestCount"));
    const errors = before.errors + Number(Reflect.get(window, "errorCount"));
    sums.set(name, { count, errors });
  }
  return sums;
}

describe("an aggregator on Kafka that is killed", () => {
  it("counts every record once, and writes every alert once", async () => {
    const client = testClient(cluster.addresses);
    await createTopics(client, { "application-logs": 3, "business-events": 2 });
    daemon = new Daemon(["aggregator", "--config", await configure(await freePort())]);
    const expected = { count: 0, errors: 0 };
    const users: string[] = [];
    const startMs = Date.now() - ROUND_COUNT * 2_000;
    const send = async (round: number) => {
      const timestamp = startMs + round * 2_000;
      const logs = Array.from({ length: 40 }, (_, index) => {
        const level = (round + index) % 10 === 0 ? "ERROR" : "INFO";
        expected.count++;
        if (level === "ERROR") expected.errors++;
        const value = { timestamp, service: "orders", level, duration: index };
        return { value: JSON.stringify(value), partition: index % 3 };
      });
      await produce(client, "application-logs", logs);
      const events = Array.from({ length: USERS_PER_ROUND }, (_, index) => {
        const userId = `u${round}-${index}`;
        users.push(userId);
        return [12_000, 6_000].map((amount, step) => {
          const value = { timestamp: timestamp + step, service: "shop", userId, amount };
          return { value: JSON.stringify(value), partition: index % 2 };
        });
      });
      await produce(client, "business-events", events.flat());
    };
    // Rules drop what comes behind the watermark: it waits for the first event of each partition that has one when reading begins.
    await send(0);
    daemon.start();
    for (let round = 1; round < ROUND_COUNT; round++) {
      await send(round);
      if (round % 6 !== 5) continue;
      await setTimeout(Math.random() * 2_500);
      await daemon.stop("SIGKILL");
      daemon.start();
    }
    const figuresOf = async (topic: string) => (await newest(topic)).get("application-logs orders");
    await expect.poll(() => figuresOf("windows"), SOON).toEqual(expected);
    await expect.poll(() => figuresOf("service-metrics"), SOON).toEqual(expected);
    const alerted = async () => {
      const records = await readTopic(cluster.addresses, "alerts-topic");
      return records.map(({ value }) => String(Reflect.get(Object(JSON.parse(value)), "user")));
    };
    await expect.poll(async () => (await alerted()).length, SOON).toBe(users.length);
    expect((await alerted()).toSorted()).toEqual(users.toSorted());
    const [first] = await readTopic(cluster.addresses, "alerts-topic");
    expect(JSON.parse(first?.value ?? "null")).toMatchObject({
      ...{ alertType: "FRAUD", severity: "critical", timestamp: expect.any(String) },
      ...{ user: expect.any(String), message: expect.stringMatching(/paid twice/) },
      details: { rule: "fraud" },
    });
  }, 400_000);
});
