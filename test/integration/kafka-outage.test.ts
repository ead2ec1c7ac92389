/** SNK-04: brokers go away and come back while alerts are written; each must arrive once. */
import { setTimeout } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { sink as kind } from "../../aggregator/sinks/kafka.ts";
import type { AlertResult, Sink } from "../../aggregator/sinks/sink.ts";
import { present } from "../../shared/assert.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { KafkaCluster } from "./kafka-cluster.ts";
import { readTopic, testClient } from "./kafka-topic.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const BATCH_COUNT = 5;
const ATTEMPT_COUNT_MAX = 60;

let cluster: KafkaCluster;
let sink: Sink | undefined;

beforeAll(async () => {
  cluster = await KafkaCluster.start(3);
});
afterEach(() => sink?.close());
afterAll(() => cluster.remove());

function open(alertsTopic: string): Promise<Sink> {
  const configured = kind.schema.parse({
    ...{ name: "out", type: "kafka", alerts_topic: alertsTopic },
    ...{ brokers: cluster.addresses, request_timeout: "5s", connect_timeout: "1s" },
  });
  const basis = { name: "out", platform: realPlatform, logger: quiet, position: undefined };
  return configured.open({ ...basis, results: "alerts" });
}

function alerts(from: number): AlertResult[] {
  return Array.from({ length: BATCH_COUNT }, (_, index) => ({
    ...{ id: `alert-${from + index}`, tenant: "", rule: "r", alertType: "T", severity: "warning" },
    ...{ timestampMs: 0, revision: 1, state: "firing", isSuppressed: false },
    json: JSON.stringify({ number: from + index }),
  }));
}

const keysUpTo = (count: number) => Array.from({ length: count }, (_, index) => `alert-${index}`);

/** Writes a batch as the delivery does: again and again, until it is taken. Why it was not goes to `reasons`. */
async function writeUntilTaken(
  target: Sink,
  batch: readonly AlertResult[],
  reasons: string[] = [],
): Promise<void> {
  for (;;) {
    try {
      const context = { signal: AbortSignal.timeout(8_000), watermarkMs: undefined };
      expect(await target.write(batch, context)).toEqual({ failures: [] });
      return;
    } catch (error) {
      reasons.push(String(error));
      if (reasons.length > ATTEMPT_COUNT_MAX) throw error;
      await setTimeout(100);
    }
  }
}

describe("SNK-04 the kafka sink", () => {
  it("writes every alert once while each broker in turn is killed or ended, coordinators included", async () => {
    const target = await open("rolling");
    sink = target;
    let count = 0;
    const writeSome = async () => {
      await writeUntilTaken(target, alerts(count));
      count += BATCH_COUNT;
    };
    await writeSome();
    for (const [index, broker] of cluster.brokers.entries()) {
      const stopped = broker.stop(index === 1 ? "SIGTERM" : "SIGKILL");
      for (let round = 0; round < 3; round++) await writeSome();
      await stopped;
      await writeSome();
      const started = broker.start();
      for (let round = 0; round < 3; round++) await writeSome();
      await started;
      await writeSome();
    }
    const keys = (await readTopic(cluster.addresses, "rolling")).map(({ key }) => key);
    expect(keys).toEqual(keysUpTo(count));
  }, 240_000);

  it("waits while there are not enough replicas, and goes on when there are", async () => {
    const admin = testClient(cluster.addresses).admin();
    await admin.connect();
    const configEntries = [{ name: "min.insync.replicas", value: "3" }];
    await admin.createTopics({ topics: [{ topic: "strict", configEntries }] });
    await admin.disconnect();
    const target = await open("strict");
    sink = target;
    await writeUntilTaken(target, alerts(0));
    const broker = present(cluster.brokers[2], "the third broker");
    await broker.stop("SIGKILL");
    const reasons: string[] = [];
    const writing = writeUntilTaken(target, alerts(BATCH_COUNT), reasons);
    // Which of them depends on how far Kafka is with the end of the transaction before.
    await expect
      .poll(() => reasons.join("\n"), { timeout: 60_000 })
      .toMatch(/in-sync replicas|concurrent operation|in time/);
    await broker.start();
    await writing;
    await writeUntilTaken(target, alerts(2 * BATCH_COUNT));
    const keys = (await readTopic(cluster.addresses, "strict")).map(({ key }) => key);
    expect(keys).toEqual(keysUpTo(3 * BATCH_COUNT));
  }, 240_000);

  it("gives a write up in time when a broker hangs, and repeats it without effect", async () => {
    const target = await open("hanging");
    sink = target;
    await writeUntilTaken(target, alerts(0));
    for (const broker of cluster.brokers) broker.pause(true);
    const context = { signal: AbortSignal.timeout(500), watermarkMs: undefined };
    await expect(target.write(alerts(BATCH_COUNT), context)).rejects.toMatchObject({
      code: "KAFKA_FAILED",
    });
    for (const broker of cluster.brokers) broker.pause(false);
    await writeUntilTaken(target, alerts(BATCH_COUNT));
    const keys = (await readTopic(cluster.addresses, "hanging")).map(({ key }) => key);
    expect(keys).toEqual(keysUpTo(2 * BATCH_COUNT));
  }, 240_000);
});
