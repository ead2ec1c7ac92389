import { randomUUID } from "node:crypto";
import { type Admin, ConfigResourceTypes } from "kafkajs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../aggregator/sinks/kafka.ts";
import type { AlertResult, ResultKind, Sink, WindowResult } from "../../aggregator/sinks/sink.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { readTopic, testClient } from "./kafka-topic.ts";

const warnings: string[] = [];
const logger: Logger = {
  error() {},
  warn: (message) => warnings.push(message),
  info() {},
  debug() {},
};
const START_MS = Date.parse("2026-11-20T10:00:00Z");
const MINUTE_MS = 60_000;

let cluster: KafkaCluster;
let admin: Admin;
let topic: string;
let alertsTopic: string;
const opened: Sink[] = [];

beforeAll(async () => {
  cluster = await KafkaCluster.start(1);
  admin = testClient(cluster.addresses).admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.remove();
});
beforeEach(() => {
  topic = `windows-${randomUUID()}`;
  alertsTopic = `alerts-${randomUUID()}`;
  warnings.length = 0;
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((sink) => sink.close()));
});

async function open(
  results: ResultKind,
  position?: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<Sink> {
  const basis = { name: "out", type: "kafka", topic, alerts_topic: alertsTopic };
  const configured = kind.schema.parse({ ...basis, brokers: cluster.addresses, ...settings });
  const sink = await configured.open({
    ...{ name: "out", platform: realPlatform, logger },
    ...{ results, position },
  });
  opened.push(sink);
  return sink;
}

function window(service: string, index: number, revision: number): WindowResult {
  const windowStartMs = START_MS + index * MINUTE_MS;
  const json = JSON.stringify({ service, revision });
  const stream = "application-logs";
  const windowEndMs = windowStartMs + MINUTE_MS;
  const id = `${service}/${index}`;
  return { id, tenant: "", stream, service, windowStartMs, windowEndMs, revision, json };
}

function alert(number: number, text = ""): AlertResult {
  const [id, json] = [`alert-${number}`, JSON.stringify({ number, text })];
  const names = { tenant: "", rule: "r", alertType: "T", severity: "warning" };
  const standing = { revision: 1, state: "firing", isSuppressed: false } as const;
  return { id, ...names, timestampMs: START_MS, ...standing, json };
}

const context = () => ({ signal: new AbortController().signal, watermarkMs: START_MS });

describe("the kafka sink, given windows", () => {
  it("writes each under its id with its revision, to a topic that is compacted", async () => {
    const sink = await open("windows");
    const first = [window("orders", 0, 1), window("a b", 1, 1)];
    expect((await sink.write(first, context())).failures).toEqual([]);
    expect((await sink.write([window("orders", 0, 2)], context())).failures).toEqual([]);
    const third = window("orders", 0, 2);
    expect(await readTopic(cluster.addresses, topic)).toEqual([
      { key: "orders/0", value: first[0]?.json, headers: { revision: "1" } },
      { key: "a b/1", value: first[1]?.json, headers: { revision: "1" } },
      { key: "orders/0", value: third.json, headers: { revision: "2" } },
    ]);
    const { resources } = await admin.describeConfigs({
      resources: [
        { type: ConfigResourceTypes.TOPIC, name: topic, configNames: ["cleanup.policy"] },
      ],
      includeSynonyms: false,
    });
    expect(resources[0]?.configEntries[0]?.configValue).toBe("compact");
  });

  it("leaves windows of other streams out when told so", async () => {
    const sink = await open("windows", undefined, { stream: "metrics" });
    const other = { ...window("cpu", 0, 1), stream: "metrics" };
    const report = await sink.write([window("orders", 0, 1), other], context());
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    const keys = (await readTopic(cluster.addresses, topic)).map(({ key }) => key);
    expect(keys).toEqual(["cpu/0"]);
  });

  it("SNK-04 names what Kafka refuses for its size, and writes the rest", async () => {
    const sink = await open("windows");
    const large = { ...window("orders", 1, 1), json: "x".repeat(2_000_000) };
    const results = [window("orders", 0, 1), large, window("orders", 2, 1)];
    const { failures } = await sink.write(results, context());
    expect(failures).toMatchObject([{ index: 1, isRetryable: false }]);
    expect(failures[0]?.reason).toMatch(/larger than the max message size/);
    const keys = (await readTopic(cluster.addresses, topic)).map(({ key }) => key);
    expect(keys).toEqual(["orders/0", "orders/2"]);
  });

  it("splits what is too large for one batch of a topic with a small limit", async () => {
    await admin.createTopics({
      topics: [{ topic, configEntries: [{ name: "max.message.bytes", value: "10000" }] }],
    });
    const sink = await open("windows");
    const results = Array.from({ length: 50 }, (_, index) => ({
      ...window("orders", index, 1),
      json: "x".repeat(1_000),
    }));
    expect((await sink.write(results, context())).failures).toEqual([]);
    expect(await readTopic(cluster.addresses, topic)).toHaveLength(50);
  });

  it("fails when its topic is missing and it may not make it", async () => {
    const sink = await open("windows", undefined, { create_topics: false });
    await expect(sink.write([window("orders", 0, 1)], context())).rejects.toMatchObject({
      code: "KAFKA_FAILED",
      facts: { type: "UNKNOWN_TOPIC_OR_PARTITION" },
    });
  });

  it("SNK-04 is fenced by a later owner, and fences it in turn when it goes on", async () => {
    const stale = await open("windows");
    await stale.write([window("orders", 0, 1)], context());
    const owner = await open("windows", stale.position);
    await owner.write([window("orders", 0, 2)], context());
    await expect(stale.write([window("orders", 0, 1)], context())).rejects.toMatchObject({
      code: "KAFKA_FAILED",
      facts: { type: "INVALID_PRODUCER_EPOCH" },
    });
    const revisions = (await readTopic(cluster.addresses, topic)).map(({ headers }) => headers);
    expect(revisions).toEqual([{ revision: "1" }, { revision: "2" }]);
    await stale.write([window("orders", 0, 3)], context());
    expect(await readTopic(cluster.addresses, topic)).toHaveLength(3);
  });
});

describe("the kafka sink, given alerts", () => {
  const written = async () =>
    (await readTopic(cluster.addresses, alertsTopic)).map(({ key }) => key);

  it("writes each once, also when the place of a write was not kept", async () => {
    const first = await open("alerts");
    const { position } = first;
    await first.write([alert(1), alert(2)], context());
    // A crash: the cursor is where it was, and what was raised since comes along.
    const second = await open("alerts", position);
    await second.write([alert(1), alert(2), alert(3)], context());
    expect(await written()).toEqual(["alert-1", "alert-2", "alert-3"]);
    const third = await open("alerts", position);
    expect(await third.write([alert(1), alert(2), alert(3)], context())).toEqual({ failures: [] });
    await third.write([alert(4)], context());
    expect(await written()).toEqual(["alert-1", "alert-2", "alert-3", "alert-4"]);
    expect(warnings).toEqual([]);
  });

  it("goes on after a place that was kept", async () => {
    const first = await open("alerts");
    await first.write([alert(1)], context());
    const second = await open("alerts", first.position);
    await second.write([alert(2)], context());
    expect(await written()).toEqual(["alert-1", "alert-2"]);
  });

  it("names again what was refused when the place of that write was not kept", async () => {
    const first = await open("alerts");
    const { position } = first;
    const results = [alert(1), alert(2, "x".repeat(2_000_000)), alert(3)];
    expect((await first.write(results, context())).failures).toMatchObject([{ index: 1 }]);
    const second = await open("alerts", position);
    expect((await second.write(results, context())).failures).toMatchObject([
      { index: 1, isRetryable: false },
    ]);
    expect(await written()).toEqual(["alert-1", "alert-3"]);
  });

  it("counts anew with a new data directory", async () => {
    const first = await open("alerts");
    await first.write([alert(1), alert(2)], context());
    const second = await open("alerts");
    await second.write([alert(11), alert(12)], context());
    expect(await written()).toEqual(["alert-1", "alert-2", "alert-11", "alert-12"]);
  });

  it("says so when the state is older than what Kafka has, and leaves nothing out", async () => {
    const first = await open("alerts");
    const { position } = first;
    await first.write([alert(1), alert(2)], context());
    const restored = await open("alerts", position);
    await restored.write([alert(7)], context());
    expect(await written()).toEqual(["alert-1", "alert-2", "alert-7"]);
    expect(warnings).toEqual([
      "the sink's alerts are older than those that Kafka has: some may come twice",
    ]);
  });
});
