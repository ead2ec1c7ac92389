/**
 * Writes to Kafka in transactions: what one of them appends is seen as a whole or not at all, and a cursor moves with it.
 *
 * The transactional id fences: opening a producer makes every older one of the same id fail, in whatever process it lives, and decides the
 * transaction that it left open; the cursor is read after that. A producer that failed in any way is not to be trusted with another
 * transaction (kafkajs may still be sending): the caller closes it and opens a new one, which fences the old.
 */
import type { Admin, Kafka, Producer } from "kafkajs";
import { kafkaErrorType, kafkaFailed } from "./kafka-error.ts";

/** One record to append. */
export interface KafkaRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Where Kafka keeps a number for its owner: as the offset of a consumer group that nobody joins. */
export interface KafkaPlace {
  readonly group: string;
  /** A topic that exists, to keep the number under. */
  readonly topic: string;
}

/** A number that moves in a transaction, with a text beside it of at most some 4,000 bytes. */
export interface KafkaCursor {
  readonly number: number;
  readonly note: string;
}

/** What will never be taken, however often it is tried. */
const REFUSED_TYPES: readonly (string | undefined)[] = [
  "MESSAGE_TOO_LARGE",
  "RECORD_LIST_TOO_LARGE",
  "INVALID_TIMESTAMP",
];

/**
 * What became of a transaction. Refused: nothing of it was written, and never will be as it is, because of the batch with this index.
 */
export type TransactionOutcome =
  | { readonly kind: "written" }
  | { readonly kind: "refused"; readonly batch: number; readonly reason: string };

/** See the head of this file. */
export class KafkaProducer {
  readonly #producer: Producer;
  readonly #admin: Admin;

  private constructor(producer: Producer, admin: Admin) {
    this.#producer = producer;
    this.#admin = admin;
  }

  /** Connects and fences. Fails with KAFKA_FAILED. */
  static async open(client: Kafka, transactionalId: string): Promise<KafkaProducer> {
    const { Partitioners } = await import("kafkajs");
    const producer = client.producer({
      transactionalId,
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    const opened = new KafkaProducer(producer, client.admin());
    try {
      await producer.connect();
      await opened.#admin.connect();
      // kafkajs asks for the producer's id, which fences, only with the first transaction.
      const empty = await producer.transaction();
      await empty.abort();
      return opened;
    } catch (error) {
      await opened.close();
      throw kafkaFailed("Kafka did not open a transactional producer", error);
    }
  }

  /** Makes the topics that are missing; those that exist stay as they are. Fails with KAFKA_FAILED. */
  async createTopics(
    topics: readonly { readonly topic: string; readonly isCompacted: boolean }[],
  ): Promise<void> {
    try {
      const known = new Set(await this.#admin.listTopics());
      const missing = topics.filter(({ topic }) => !known.has(topic));
      if (missing.length === 0) return;
      await this.#admin.createTopics({
        waitForLeaders: true,
        topics: missing.map(({ topic, isCompacted }) => ({
          topic,
          configEntries: isCompacted ? [{ name: "cleanup.policy", value: "compact" }] : [],
        })),
      });
    } catch (error) {
      // Somebody else was faster.
      if (kafkaErrorType(error) === "TOPIC_ALREADY_EXISTS") return;
      throw kafkaFailed("Kafka did not make the topics", error);
    }
  }

  /** The cursor that the last committed transaction left; undefined when there is none. Fails with KAFKA_FAILED. */
  async cursor({ group, topic }: KafkaPlace): Promise<KafkaCursor | undefined> {
    try {
      const [found] = await this.#admin.fetchOffsets({ groupId: group, topics: [topic] });
      const kept = found?.partitions.find(({ partition }) => partition === 0);
      if (kept === undefined || kept.offset === "-1") return undefined;
      return { number: Number(kept.offset), note: kept.metadata ?? "" };
    } catch (error) {
      throw kafkaFailed("Kafka did not say where the cursor is", error);
    }
  }

  /**
   * Appends batches of records and moves a cursor, all or nothing. Kafka has a limit for what one batch holds of one partition. When it fails,
   * with KAFKA_FAILED, only the cursor tells what became of it.
   */
  async write(
    batches: readonly (readonly KafkaRecord[])[],
    moved?: { readonly place: KafkaPlace; readonly to: KafkaCursor },
  ): Promise<TransactionOutcome> {
    try {
      const transaction = await this.#producer.transaction();
      for (const [batch, records] of batches.entries()) {
        try {
          await transaction.sendBatch({ acks: -1, topicMessages: byTopic(records) });
        } catch (error) {
          if (!REFUSED_TYPES.includes(kafkaErrorType(error))) throw error;
          await transaction.abort();
          const reason = error instanceof Error ? error.message : String(error);
          return { kind: "refused", batch, reason };
        }
      }
      if (moved !== undefined) {
        const { group, topic } = moved.place;
        const { number, note } = moved.to;
        const partitions = [{ partition: 0, offset: String(number), metadata: note }];
        await transaction.sendOffsets({ consumerGroupId: group, topics: [{ topic, partitions }] });
      }
      await transaction.commit();
      return { kind: "written" };
    } catch (error) {
      throw kafkaFailed("Kafka did not take a transaction", error);
    }
  }

  /** Closes the connections; a transaction that is open is decided by the next producer of the same id. Never rejects. */
  async close(): Promise<void> {
    await Promise.allSettled([this.#producer.disconnect(), this.#admin.disconnect()]);
  }
}

function byTopic(records: readonly KafkaRecord[]) {
  const topics = new Map<
    string,
    { key: string; value: string; headers: Record<string, string> }[]
  >();
  for (const { topic, key, value, headers } of records) {
    const messages = topics.get(topic) ?? [];
    messages.push({ key, value, headers: { ...headers } });
    topics.set(topic, messages);
  }
  return [...topics].map(([topic, messages]) => ({ topic, messages }));
}
