import type { Admin, Consumer, EachBatchPayload } from "kafkajs";
import { z } from "zod";
import { type AggregateConfig, aggregateSetting } from "../../shared/events/aggregate-config.ts";
import { type EventOptions, eventOptions } from "../../shared/events/event-options.ts";
import { eventOptionsConfig } from "../../shared/events/event-options-config.ts";
import { createKafkaClient } from "../kafka/kafka-client.ts";
import { kafkaFailed } from "../kafka/kafka-error.ts";
import { type KafkaSettings, kafkaSettings } from "../kafka/kafka-settings.ts";
import { type LeavingRecords, leavingRecords, RecordCounter } from "./count-records.ts";
import { type FetchedBatch, KafkaPartition } from "./kafka-partition.ts";
import {
  defineSource,
  type InletStatus,
  type Source,
  type SourceContext,
  type SourceSettings,
  sourceSettings,
} from "./source.ts";

const CLOSE_MS_MAX = 3_000;
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 10_000;
const FETCH_BYTES_MAX = 1024 * 1024;
/** How long Kafka waits for records before it answers that there are none; stopping waits for that answer. */
const FETCH_WAIT_MS = 500;
/** Partitions of which batches are counted at the same time. */
const CONCURRENT_COUNT = 4;
const SESSION_MS = 30_000;
const GROUP_BYTES = 6;
const OWN_LOOK_MS = 200;

const topicNames = z.union([
  z.array(z.string().min(1)).min(1),
  z.record(z.string().min(1), z.string().min(1)).refine((map) => Object.keys(map).length > 0, {
    error: "expected at least one topic",
  }),
]);

/**
 * Reads topics of Kafka: a record is an event in JSON, as a line is to an agent. How far each partition was counted is kept with the counts, so
 * that each record counts once; Kafka's group only hands out the partitions, all of them to this one reader.
 */
export const source = defineSource({
  summary: "Counts the records of topics of Kafka, each once.",
  config: z.strictObject({
    ...sourceSettings("kafka"),
    ...kafkaSettings,
    topics: topicNames
      .transform(
        (names): Readonly<Record<string, string>> =>
          Array.isArray(names) ? Object.fromEntries(names.map((name) => [name, name])) : names,
      )
      .meta({
        description: "Topics to read: a list, or each with the stream of its windows.",
        examples: [["application-logs", "system-metrics"], { orders: "business-events" }],
      }),
    start_at: z.enum(["beginning", "end"]).prefault("end").meta({
      description: "Where reading begins in topics that are there at the first start.",
    }),
    service: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Service of events that name none; default: the source's name." }),
    ...eventOptionsConfig,
    aggregate: aggregateSetting,
  }),
  start: (config, context) => new KafkaSource(config, eventOptions(config), context),
});

interface SourceConfig extends SourceSettings, KafkaSettings {
  readonly topics: Readonly<Record<string, string>>;
  readonly start_at: "beginning" | "end";
  readonly service?: string | undefined;
  readonly aggregate?: AggregateConfig | undefined;
}

class KafkaSource implements Source {
  readonly name: string;
  readonly type: string;
  readonly #config: SourceConfig;
  readonly #events: EventOptions;
  readonly #context: SourceContext;
  readonly #leaving: LeavingRecords;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #failure: string | undefined;
  #partitions = new Map<string, KafkaPartition>();
  /** By topic: the partitions that were there at the first look, if nothing of the topic was counted by then. */
  readonly #firstPartitions = new Map<string, ReadonlySet<number>>();

  constructor(config: SourceConfig, events: EventOptions, context: SourceContext) {
    this.name = config.name;
    this.type = config.type;
    this.#config = config;
    this.#events = events;
    this.#context = context;
    this.#leaving = leavingRecords(config.aggregate, context.redactor);
    this.#done = this.#run();
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  get inlets(): readonly InletStatus[] {
    return [...this.#partitions].map(([place, { behindCount, failure }]) => {
      return { place, behindCount, failure };
    });
  }

  counterOf(place: string): RecordCounter | undefined {
    const [, topic = "", partition = ""] = /^(.+)\/(\d+)$/.exec(place) ?? [];
    if (this.#config.topics[topic] === undefined) return undefined;
    return this.#counter(topic, Number(partition));
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const isClosed = new AbortController();
    // A broker that hangs is waited for no longer; what is left of its connections ends with the process.
    const wait = this.#context.platform.timers.sleep(CLOSE_MS_MAX, isClosed.signal);
    await Promise.race([this.#done, wait]);
    isClosed.abort();
  }

  async #run(): Promise<void> {
    const { platform, logger } = this.#context;
    const { signal } = this.#stop;
    let waitMs = RESTART_MS_MIN;
    while (!signal.aborted) {
      try {
        await this.#consume(() => {
          waitMs = RESTART_MS_MIN;
          this.#failure = undefined;
        });
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        const facts = { source: this.name, reason };
        if (this.#failure === undefined)
          logger.warn("the source cannot be read; trying again", facts);
        else logger.debug("the source still cannot be read", facts);
        this.#failure = reason;
      }
      await platform.timers.sleep(platform.random.float() * waitMs, signal);
      waitMs = Math.min(2 * waitMs, RESTART_MS_MAX);
    }
  }

  /** Reads until the consumer gives up or the source closes. */
  async #consume(onJoined: () => void): Promise<void> {
    const { logger, instance, platform } = this.#context;
    const clientId = `tailrace-${this.name}`;
    const client = await createKafkaClient(this.#config, clientId, logger);
    const admin = client.admin();
    const consumer = client.consumer({
      // A new group each time: in the one before, a process that was killed would be waited for until its session ends.
      groupId: `${clientId}-${instance}-${platform.random.bytes(GROUP_BYTES).toString("hex")}`,
      sessionTimeout: SESSION_MS,
      maxBytesPerPartition: FETCH_BYTES_MAX,
      maxWaitTimeInMs: FETCH_WAIT_MS,
      allowAutoTopicCreation: false,
      retry: { restartOnFailure: () => Promise.resolve(false) },
    });
    const ended = Promise.withResolvers<void>();
    const lost = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, lost.signal]);
    signal.addEventListener("abort", () => ended.resolve(), { once: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => ended.reject(payload.error));
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      onJoined();
      this.#assign(payload.memberAssignment, { admin, consumer, signal }).catch(ended.reject);
    });
    try {
      await admin.connect();
      await consumer.connect();
      await consumer.subscribe({ topics: Object.keys(this.#config.topics), fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: CONCURRENT_COUNT,
        eachBatch: (payload) => this.#take(payload),
      });
      await ended.promise;
    } catch (error) {
      throw kafkaFailed("Kafka does not hand over records", error);
    } finally {
      lost.abort();
      await Promise.allSettled([consumer.disconnect(), admin.disconnect()]);
    }
  }

  /** Opens the partitions that this member of the group now reads. */
  async #assign(
    assignment: Readonly<Record<string, readonly number[]>>,
    parts: { readonly admin: Admin; readonly consumer: Consumer; readonly signal: AbortSignal },
  ): Promise<void> {
    const partitions = new Map<string, KafkaPartition>();
    for (const [topic, numbers] of Object.entries(assignment)) {
      const first = numbers.length === 0 ? undefined : await this.#firstOf(topic, parts);
      for (const partition of numbers) {
        const startAt = first?.has(partition) === true ? this.#config.start_at : "beginning";
        const reader = this.#partition({ ...parts, topic, partition, startAt });
        partitions.set(placeOf(topic, partition), reader);
      }
    }
    this.#partitions = partitions;
    await Promise.all([...partitions.values()].map((partition) => partition.open()));
  }

  async #firstOf(
    topic: string,
    parts: { readonly admin: Admin; readonly signal: AbortSignal },
  ): Promise<ReadonlySet<number>> {
    const known = this.#firstPartitions.get(topic);
    if (known !== undefined) return known;
    const { records, platform } = this.#context;
    const offsets = await parts.admin.fetchTopicOffsets(topic);
    const numbers = offsets.map(({ partition }) => partition);
    let isCounted = false;
    for (const partition of numbers) {
      let standing = records.standing(this.#inletOf(topic, partition));
      while (!standing.isOwned && !parts.signal.aborted) {
        await platform.timers.sleep(OWN_LOOK_MS, parts.signal);
        standing = records.standing(this.#inletOf(topic, partition));
      }
      if (standing.isOwned && standing.position !== undefined) isCounted = true;
    }
    const first = new Set(isCounted ? [] : numbers);
    this.#firstPartitions.set(topic, first);
    return first;
  }

  #partition(parts: {
    readonly admin: Admin;
    readonly consumer: Consumer;
    readonly signal: AbortSignal;
    readonly topic: string;
    readonly partition: number;
    readonly startAt: "beginning" | "end";
  }): KafkaPartition {
    const { admin, consumer, signal, topic, partition, startAt } = parts;
    const { records, platform, logger, maxFutureMs } = this.#context;
    return new KafkaPartition({
      name: this.#inletOf(topic, partition),
      counter: this.#counter(topic, partition),
      client: {
        bounds: async () => {
          const offsets = await admin.fetchTopicOffsets(topic);
          const found = offsets.find((candidate) => candidate.partition === partition);
          return { low: Number(found?.low ?? 0), high: Number(found?.high ?? 0) };
        },
        seek: (offset) => consumer.seek({ topic, partition, offset: String(offset) }),
      },
      ...{ records, platform, logger, maxFutureMs, startAt, signal },
    });
  }

  #counter(topic: string, partition: number): RecordCounter {
    const stream = this.#config.topics[topic] ?? topic;
    const service = this.#config.service ?? this.name;
    const { selectors } = this.#context;
    return new RecordCounter({
      ...{ source: this.name, stream, service, events: this.#events, selectors },
      ...{ leaving: this.#leaving, labels: { source: this.name, topic } },
      place: { source: topic, file: partition },
    });
  }

  async #take(payload: EachBatchPayload): Promise<void> {
    const { batch } = payload;
    const reader = this.#partitions.get(placeOf(batch.topic, batch.partition));
    if (reader === undefined) return;
    const fetched: FetchedBatch = {
      // Not among the declared properties.
      fetchedOffset: Number(Reflect.get(batch, "fetchedOffset")),
      messages: batch.messages,
      lastOffset: Number(batch.lastOffset()),
      endOffset: Number(batch.highWatermark),
    };
    await reader.take(fetched, {
      heartbeat: () => payload.heartbeat(),
      resolve: (offset) => payload.resolveOffset(offset),
      isStale: () => payload.isStale(),
    });
    await payload.heartbeat();
  }

  #inletOf(topic: string, partition: number) {
    return { tenant: "", source: this.name, place: placeOf(topic, partition) };
  }
}

function placeOf(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}
