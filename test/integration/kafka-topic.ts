import { randomUUID } from "node:crypto";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { muteWarning } from "../../shared/platform/mute-warning.ts";

/** Records sent at once: few enough for what a broker takes in one batch. */
const SEND_COUNT = 1_000;
const END = "the end of what a test reads";

/** A record as a consumer sees it that reads only what is committed. */
export interface ReadRecord {
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** A client for tests, which says nothing. */
export function testClient(brokers: readonly string[]): Kafka {
  const retry = { initialRetryTime: 10, maxRetryTime: 500, retries: 15 };
  // As the aggregator's own client does (kafka-client).
  muteWarning("TimeoutNegativeWarning");
  return new Kafka({ clientId: "test", brokers: [...brokers], logLevel: logLevel.NOTHING, retry });
}

/** All committed records of a topic with one partition, from its beginning to now. */
export async function readTopic(brokers: readonly string[], topic: string): Promise<ReadRecord[]> {
  const client = testClient(brokers);
  const id = randomUUID();
  await produce(client, topic, [{ key: END, value: id }]);
  const consumer = client.consumer({ groupId: `test-${id}`, readUncommitted: false });
  const records: ReadRecord[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const take = async ({ message }: { readonly message: KafkaMessage }) => {
      const key = message.key?.toString() ?? "";
      const value = message.value?.toString() ?? "";
      if (key === END && value === id) resolve();
      if (key !== END) records.push({ key, value, headers: texts(message.headers ?? {}) });
    };
    consumer.run({ autoCommit: false, eachMessage: take }).catch(reject);
  });
  await consumer.disconnect();
  return records;
}

/** Makes topics with so many partitions each. */
export async function createTopics(
  client: Kafka,
  partitionCounts: Readonly<Record<string, number>>,
): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  const topics = Object.entries(partitionCounts);
  await admin.createTopics({
    topics: topics.map(([topic, numPartitions]) => ({ topic, numPartitions })),
  });
  await admin.disconnect();
}

/** Appends records outside of any transaction. */
export async function produce(
  client: Kafka,
  topic: string,
  records: readonly {
    readonly key?: string;
    readonly value: string;
    readonly partition?: number;
  }[],
): Promise<void> {
  const producer = client.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  for (let at = 0; at < records.length; at += SEND_COUNT) {
    const messages = records.slice(at, at + SEND_COUNT).map((record) => ({ ...record }));
    await producer.send({ topic, messages });
  }
  await producer.disconnect();
}

interface KafkaMessage {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>>;
}

function texts(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
