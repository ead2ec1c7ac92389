import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Admin, Kafka } from "kafkajs";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { runProgram } from "../end-to-end/program.ts";
import { RunningAggregator } from "../end-to-end/running-aggregator.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { produce, testClient } from "./kafka-topic.ts";

const SAMPLE = join(import.meta.dirname, "../../config/demo/train-ticket-requests.ndjson.gz");
const GOLDEN = join(import.meta.dirname, "../golden");
const METRICS = join(GOLDEN, "logs/boutique-requests.ndjson.gz");
const TRANSACTIONS = join(GOLDEN, "events/retail-transactions.ndjson.gz");
/** The logs lie years apart. */
const RETENTION = { windows_retention: "3650d" };
const PARTITION_COUNT = 4;
const SOON = { timeout: 60_000, interval: 100 };

let cluster: KafkaCluster;
let client: Kafka;
let admin: Admin;
let topic: string;
const running: RunningAggregator[] = [];
const configured = new WeakMap<RunningAggregator, object>();

beforeAll(async () => {
  cluster = await KafkaCluster.start(1);
  client = testClient(cluster.addresses);
  admin = client.admin();
  await admin.connect();
});
afterAll(async () => {
  await admin.disconnect();
  await cluster.remove();
});
beforeEach(() => {
  topic = `logs-${randomUUID()}`;
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((aggregator) => aggregator.remove()));
});

async function start(
  settings: Readonly<Record<string, unknown>>,
  others: Readonly<Record<string, unknown>> = {},
): Promise<RunningAggregator> {
  const basis = { name: "bus", type: "kafka", brokers: cluster.addresses, start_at: "beginning" };
  const source = { ...basis, topics: { [topic]: "application-logs" }, ...settings };
  const aggregator = await RunningAggregator.start(() => ({ sources: [source], ...others }));
  configured.set(aggregator, source);
  running.push(aggregator);
  return aggregator;
}

/** Changes the source's settings for the next start. */
function reconfigure(aggregator: RunningAggregator, changes: object): void {
  Object.assign(configured.get(aggregator) ?? {}, changes);
}

async function linesOf(path: string): Promise<string[]> {
  return gunzipSync(await readFile(path))
    .toString("utf8")
    .split("\n")
    .filter((line) => line !== "");
}

const event = (second: number, fields: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({
    timestamp: new Date(Date.parse("2026-11-20T10:00:00Z") + second * 1_000).toISOString(),
    ...{ service: "orders", level: "INFO", message: "paid", duration: 12.5, ...fields },
  });

async function list(aggregator: RunningAggregator, path: string, name: string) {
  const { body } = await aggregator.get(path);
  const found: unknown = typeof body === "object" && body !== null ? Reflect.get(body, name) : [];
  const items: unknown[] = Array.isArray(found) ? found : [];
  return items.map((item) => (typeof item === "object" && item !== null ? { ...item } : {}));
}

async function windows(aggregator: RunningAggregator, stream = "application-logs") {
  const span = "from=2000-01-01T00:00:00Z&to=2030-01-01T00:00:00Z";
  const path = `/v1/windows?stream=${stream}&${span}&limit=10000`;
  const all = await list(aggregator, path, "windows");
  // How often a window was emitted, and by whom it was counted, depends on the way.
  return all.map((window) => ({
    ...window,
    revision: undefined,
    state: undefined,
    contributors: undefined,
  }));
}

async function countOf(aggregator: RunningAggregator, stream?: string): Promise<number> {
  let count = 0;
  for (const window of await windows(aggregator, stream)) {
    count += Number(Reflect.get(window, "requestCount"));
  }
  return count;
}

async function letterIds(aggregator: RunningAggregator): Promise<unknown[]> {
  const letters = await list(aggregator, "/v1/dead-letters?source=bus", "deadLetters");
  return letters.map((letter) => Reflect.get(letter, "id"));
}

/** What `tailrace dlq` says to people. */
async function dlq(aggregator: RunningAggregator, ...words: string[]): Promise<string> {
  const endpoint = ["--endpoint", `http://127.0.0.1:${aggregator.port}`];
  return (await runProgram(["dlq", ...words, ...endpoint])).stderr;
}

/** Runs an agent over the lines of each stream until all of them are applied. */
async function countWithAgent(
  linesOfStreams: Readonly<Record<string, readonly string[]>>,
): Promise<RunningAggregator> {
  const aggregator = await RunningAggregator.start(() => RETENTION);
  running.push(aggregator);
  const { folder, port } = aggregator;
  for (const [stream, lines] of Object.entries(linesOfStreams)) {
    await writeFile(join(folder, `${stream}.log`), lines.map((line) => `${line}\n`).join(""));
  }
  const config = {
    ...{ id: "web-1", data_dir: join(folder, "agent") },
    sources: Object.keys(linesOfStreams).map((stream) => ({
      ...{ name: stream, type: "file", format: "json", service: "bus", stream },
      paths: [join(folder, `${stream}.log`)],
    })),
    ship: { endpoints: [`http://127.0.0.1:${port}`] },
  };
  await writeFile(join(folder, "agent.yaml"), JSON.stringify(config));
  const { code, stderr } = await runProgram([
    ...["agent", "--config", join(folder, "agent.yaml"), "--once"],
  ]);
  expect(code, stderr).toBe(0);
  return aggregator;
}

describe("a source of Kafka topics", () => {
  it("makes the same windows of its topics as an agent does of the same events in files", async () => {
    const bad = ["not JSON", '{"service":"a"}', "  ", '{"ts":"never"}'];
    const linesOfStreams = {
      "application-logs": [...(await linesOf(SAMPLE)), ...bad],
      "system-metrics": [...(await linesOf(METRICS)), ...bad],
      // They lie further back than windows can be kept.
      "business-events": (await linesOf(TRANSACTIONS)).map((line) =>
        line.replace("2011-", "2021-"),
      ),
    };
    const topics: Record<string, string> = {};
    for (const [stream, lines] of Object.entries(linesOfStreams)) {
      const name = `${topic}-${stream}`;
      topics[name] = stream;
      await admin.createTopics({ topics: [{ topic: name, numPartitions: PARTITION_COUNT }] });
      await produce(
        client,
        name,
        lines.map((value) => ({ value })),
      );
    }
    const byAgent = await countWithAgent(linesOfStreams);
    const byTopic = await start({ topics }, RETENTION);
    for (const stream of Object.keys(linesOfStreams)) {
      const expected = await windows(byAgent, stream);
      expect(expected.length).toBeGreaterThan(20);
      const count = () => countOf(byTopic, stream);
      await expect.poll(count, SOON).toBe(await countOf(byAgent, stream));
      expect(await windows(byTopic, stream)).toEqual(expected);
    }
  }, 120_000);

  it("keeps what is no event among its dead letters, with place and reason", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    const values = [event(0), "not JSON", event(1), '{"service":"a"}', '{"ts":"never"}'];
    await produce(
      client,
      topic,
      values.map((value) => ({ value })),
    );
    const aggregator = await start({});
    await expect.poll(() => countOf(aggregator), SOON).toBe(2);
    const [inlet] = await list(aggregator, "/v1/sources?letters=10", "sources");
    expect(inlet).toMatchObject({
      ...{ source: "bus", place: `${topic}/0`, position: 5, behind: 0, recordCount: 2 },
      ...{ failure: null },
      letters: {
        ...{ total: 3, kept: 3 },
        newest: [
          { position: 4, reason: "bad_time", text: '{"ts":"never"}', cut: false },
          { position: 3, reason: "no_time", text: '{"service":"a"}' },
          { position: 1, reason: "not_json", text: "not JSON" },
        ],
      },
    });
    const metrics = await aggregator.get("/metrics");
    const labels = `{source="bus",place="${topic}/0"}`;
    expect(metrics.text).toContain(`tailrace_source_dead_letters_total${labels} 3`);
  });

  it("counts dead letters after all once the source understands them, each once, and drops others", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    const when = { timestamp: undefined, when: "2026-11-20T10:00:09Z" };
    const values = [event(0), event(1, when), "not JSON", event(2, when)];
    await produce(
      client,
      topic,
      values.map((value) => ({ value })),
    );
    const settings: Record<string, unknown> = {};
    const aggregator = await start(settings);
    await expect.poll(() => letterIds(aggregator), SOON).toHaveLength(3);
    const ids = [1, 2, 3].map((_, number) => `@bus/${topic}/0#${number}`);
    expect(await letterIds(aggregator)).toEqual(ids);
    expect(await dlq(aggregator, "replay", "--source", "bus", "--all")).toContain(
      "0 written, 3 refused again",
    );
    await aggregator.stop();
    reconfigure(aggregator, { fields: { time: "when" } });
    await aggregator.begin();
    await expect.poll(() => countOf(aggregator), SOON).toBe(1);
    expect(await dlq(aggregator, "replay", ...ids)).toContain("2 written, 1 refused again");
    expect(await countOf(aggregator)).toBe(3);
    expect(await dlq(aggregator, "replay", ids[0] ?? "")).toContain("There is no dead letter");
    expect(await dlq(aggregator, "drop", "--source", "bus", "--all")).toContain("1 dropped");
    await aggregator.restart();
    expect(await letterIds(aggregator)).toEqual([]);
    const [inlet] = await list(aggregator, "/v1/sources", "sources");
    expect(inlet).toMatchObject({
      ...{ recordCount: 3, letters: { total: 3, kept: 0 } },
      ledger: [
        { kind: "aggregated", lines: 3 },
        { kind: "rejected", reason: "not_json", lines: 1 },
      ],
    });
  });

  it("goes on where it was after a restart, and counts nothing twice", async () => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] });
    const first = Array.from({ length: 500 }, (_, index) => ({ value: event(index) }));
    await produce(client, topic, first);
    const aggregator = await start({});
    await expect.poll(() => countOf(aggregator), SOON).toBe(500);
    await aggregator.restart();
    await produce(client, topic, first);
    await expect.poll(() => countOf(aggregator), SOON).toBe(1_000);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
    await produce(client, topic, [{ value: event(0), partition: 2 }]);
    await aggregator.restart();
    await expect.poll(() => countOf(aggregator), SOON).toBe(1_001);
  });

  it("begins at the end when told so, also if it was stopped before the first record came", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    await produce(client, topic, [{ value: event(0) }]);
    const aggregator = await start({ start_at: "end" });
    const known = async () => (await list(aggregator, "/v1/sources", "sources")).length;
    await expect.poll(known, SOON).toBe(1);
    await aggregator.stop();
    await produce(client, topic, [{ value: event(1) }]);
    await aggregator.begin();
    await expect.poll(() => countOf(aggregator), SOON).toBe(1);
    expect(await windows(aggregator)).toMatchObject([{ requestCount: 1 }]);
  });

  it("says what the topic's retention took before it was read", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    await produce(client, topic, [{ value: event(0) }]);
    const aggregator = await start({});
    await expect.poll(() => countOf(aggregator), SOON).toBe(1);
    await aggregator.stop();
    await produce(
      client,
      topic,
      Array.from({ length: 5 }, () => ({ value: event(1) })),
    );
    // The client must know the topic's leader.
    await admin.fetchTopicOffsets(topic);
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
    await aggregator.begin();
    await expect.poll(() => countOf(aggregator), SOON).toBe(3);
    const [inlet] = await list(aggregator, "/v1/sources", "sources");
    expect(inlet).toMatchObject({ position: 6 });
    expect(Reflect.get(inlet ?? {}, "ledger")).toContainEqual({
      ...{ kind: "lost", reason: "retention", lines: 3, bytes: 0 },
    });
  });

  it("reads nothing of a topic that was made anew under the same name, and says so", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    await produce(
      client,
      topic,
      Array.from({ length: 5 }, () => ({ value: event(1) })),
    );
    const aggregator = await start({});
    await expect.poll(() => countOf(aggregator), SOON).toBe(5);
    await aggregator.stop();
    await admin.deleteTopics({ topics: [topic] });
    await expect.poll(() => admin.listTopics(), SOON).not.toContain(topic);
    await admin.createTopics({ topics: [{ topic }] });
    await produce(client, topic, [{ value: event(2) }]);
    await aggregator.begin();
    const failure = async () => {
      const [inlet] = await list(aggregator, "/v1/sources", "sources");
      return Reflect.get(inlet ?? {}, "failure");
    };
    await expect.poll(failure, SOON).toMatch(/ends at offset 1, but was counted up to 5/);
    expect(await countOf(aggregator)).toBe(5);
  });

  it("reads only what transactions committed", async () => {
    await admin.createTopics({ topics: [{ topic }] });
    const producer = client.producer({ transactionalId: topic, maxInFlightRequests: 1 });
    await producer.connect();
    for (const isKept of [true, false, true]) {
      const transaction = await producer.transaction();
      await transaction.send({ topic, messages: [{ value: event(0) }, { value: event(1) }] });
      await (isKept ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const aggregator = await start({});
    await expect.poll(() => countOf(aggregator), SOON).toBe(4);
    await produce(client, topic, [{ value: event(2) }]);
    await expect.poll(() => countOf(aggregator), SOON).toBe(5);
    const [inlet] = await list(aggregator, "/v1/sources", "sources");
    expect(inlet).toMatchObject({ recordCount: 5, behind: 0 });
  });
});
