import type { Kafka } from "kafkajs";
import { z } from "zod";
import { duration } from "../../shared/config/units.ts";
import { TailraceError } from "../../shared/errors.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { createKafkaClient } from "../kafka/kafka-client.ts";
import { KafkaProducer, type KafkaRecord } from "../kafka/kafka-producer.ts";
import { type KafkaSettings, kafkaSettings } from "../kafka/kafka-settings.ts";
import { isRollUpWidth } from "../state/roll-up-widths.ts";
import {
  cursorAfter,
  dealtWith,
  placeOfPosition,
  positionOfPlace,
  type SinkPlace,
} from "./kafka-place.ts";
import {
  defineSink,
  isAlert,
  type Result,
  resultsSetting,
  type Sink,
  type SinkContext,
  sinkSettings,
  type WriteContext,
  type WriteFailure,
  type WriteReport,
} from "./sink.ts";

/** Half of what a broker takes unless configured. */
const BATCH_BYTES_MAX = 512 * 1024;
/** Of a record beside key and value. */
const RECORD_BYTES = 100;
/** Longest wait for connections to end; what is left of them ends with the process. */
const CLOSE_MS_MAX = 1_000;

const topicName = z.string().regex(/^[A-Za-z0-9._-]{1,249}$/, {
  error: "expected 1 to 249 letters, digits, dots, hyphens and underscores",
});

/**
 * Writes windows to a topic that may be compacted: the key is the window's id, so the newest revision stays. Alerts go to a topic of their
 * own, exactly once for whoever reads committed records only; `kafka-place.ts` says how. Every write is one transaction, whose id fences an
 * owner that lost its partition without knowing.
 */
export const sink = defineSink({
  summary: "Writes windows and alerts to topics of Kafka.",
  delivery: "at_least_once",
  windowMinutes: (config) => config.window / MINUTE_MS,
  config: z.strictObject({
    ...sinkSettings("kafka"),
    ...kafkaSettings,
    results: resultsSetting(["windows", "alerts"]),
    topic: topicName
      .prefault("tailrace-windows")
      .meta({ description: "Topic of windows; the key is the window's id." }),
    alerts_topic: topicName.prefault("alerts-topic").meta({ description: "Topic of alerts." }),
    create_topics: z
      .boolean()
      .prefault(true)
      .meta({ description: "Makes topics that are missing; that of windows is compacted." }),
    window: duration({ min: "1m", max: "1d" })
      .refine((widthMs) => widthMs === MINUTE_MS || isRollUpWidth(widthMs / MINUTE_MS), {
        error: "expected 1m, 5m, 1h or 1d",
      })
      .prefault("1m")
      .meta({ description: "Width of the windows that are written.", examples: ["5m"] }),
    stream: z
      .string()
      .min(1)
      .optional()
      .meta({ description: "Only windows of this stream are written; absent: all." }),
  }),
  results: (config) => config.results,
  open: async (config, context) => {
    const client = await createKafkaClient(config, `tailrace-${config.name}`, context.logger);
    return new KafkaSink(client, config, context);
  },
});

interface SinkConfig extends KafkaSettings {
  readonly topic: string;
  readonly alerts_topic: string;
  readonly create_topics: boolean;
  readonly stream?: string | undefined;
}

/** A result on its way; `index` is its place in the results of the write. */
interface Outgoing {
  readonly index: number;
  readonly record: KafkaRecord;
}

class KafkaSink implements Sink {
  readonly #client: Kafka;
  readonly #config: SinkConfig;
  readonly #context: SinkContext;
  #place: SinkPlace;
  #producer: KafkaProducer | undefined;

  constructor(client: Kafka, config: SinkConfig, context: SinkContext) {
    this.#client = client;
    this.#config = config;
    this.#context = context;
    const { position, platform } = context;
    this.#place = placeOfPosition(position, (count) => platform.random.bytes(count));
  }

  get position(): string {
    return positionOfPlace(this.#place);
  }

  async write(results: readonly Result[], context: WriteContext): Promise<WriteReport> {
    const aborted = Promise.withResolvers<never>();
    const stop = () => {
      const text = "Kafka did not take the results in time.";
      aborted.reject(new TailraceError("KAFKA_FAILED", text));
    };
    context.signal.addEventListener("abort", stop, { once: true });
    if (context.signal.aborted) stop();
    try {
      // What goes on after an abort changes nothing here, and its producer is fenced by the next one.
      const work =
        this.#context.results === "alerts"
          ? this.#writeAlerts(results, context.signal)
          : this.#writeWindows(results, context.signal);
      return await Promise.race([work, aborted.promise]);
    } catch (error) {
      await this.#disconnect();
      throw error;
    } finally {
      context.signal.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    await this.#disconnect();
  }

  async #writeWindows(results: readonly Result[], signal: AbortSignal): Promise<WriteReport> {
    const { stream } = this.#config;
    const outgoing: Outgoing[] = [];
    for (const [index, result] of results.entries()) {
      if (isAlert(result) || (stream !== undefined && result.stream !== stream)) continue;
      outgoing.push({ index, record: this.#recordOf(result) });
    }
    const ignoredCount = results.length - outgoing.length;
    if (outgoing.length === 0) return { failures: [], ignoredCount };
    const producer = await this.#opened(signal);
    return { failures: await this.#writeOutgoing(producer, outgoing, undefined), ignoredCount };
  }

  async #writeAlerts(results: readonly Result[], signal: AbortSignal): Promise<WriteReport> {
    const producer = await this.#opened(signal);
    const place = this.#place;
    const cursor = await producer.cursor(this.#cursorPlace);
    const before = dealtWith(place, results, cursor);
    if (before === undefined) {
      this.#context.logger.warn(
        "the sink's alerts are older than those that Kafka has: some may come twice",
        { sink: this.#context.name, count: place.count, countInKafka: cursor?.number },
      );
    }
    const { count, refused } = before ?? { count: 0, refused: [] };
    const reason = "Kafka refused it before the last crash";
    const failures: WriteFailure[] = refused.map((index) => failure(index, reason));
    const outgoing = results
      .map((result, index) => ({ index, record: this.#recordOf(result) }))
      .slice(count);
    if (outgoing.length > 0) {
      failures.push(...(await this.#writeOutgoing(producer, outgoing, results)));
    }
    signal.throwIfAborted();
    this.#place = { ...place, count: place.count + results.length };
    return { failures };
  }

  /** Writes in one transaction what Kafka takes; `counted`: these results then count as dealt with. */
  async #writeOutgoing(
    producer: KafkaProducer,
    outgoing: readonly Outgoing[],
    counted: readonly Result[] | undefined,
  ): Promise<WriteFailure[]> {
    const refused = new Map<number, string>();
    let bytesMax = BATCH_BYTES_MAX;
    for (;;) {
      const left = outgoing.filter(({ index }) => !refused.has(index));
      const batches = planBatches(left, bytesMax);
      const to = counted && cursorAfter(this.#place, counted, [...refused.keys()]);
      const outcome = await producer.write(
        batches.map((batch) => batch.map(({ record }) => record)),
        to && { place: this.#cursorPlace, to },
      );
      if (outcome.kind === "written") {
        return [...refused].map(([index, reason]) => failure(index, reason));
      }
      const [first, second] = batches[outcome.batch] ?? [];
      // A batch is refused for one of its records; smaller ones tell which.
      if (first === undefined || second !== undefined) bytesMax = Math.floor(bytesMax / 2);
      else refused.set(first.index, outcome.reason);
    }
  }

  #recordOf(result: Result): KafkaRecord {
    const { topic, alerts_topic } = this.#config;
    const { id: key, json: value, revision } = result;
    if (isAlert(result)) return { topic: alerts_topic, key, value, headers: {} };
    return { topic, key, value, headers: { revision: String(revision) } };
  }

  get #cursorPlace() {
    return { group: this.#name, topic: this.#config.alerts_topic };
  }

  /** Nobody else's: the transactional id, and the group that keeps the cursor. */
  get #name(): string {
    const { name, results } = this.#context;
    return `tailrace-${name}-${results}-${this.#place.id}`;
  }

  async #opened(signal: AbortSignal): Promise<KafkaProducer> {
    if (this.#producer !== undefined) return this.#producer;
    const { topic, alerts_topic, create_topics } = this.#config;
    const producer = await KafkaProducer.open(this.#client, this.#name);
    if (signal.aborted) await producer.close();
    signal.throwIfAborted();
    this.#producer = producer;
    const isAlerts = this.#context.results === "alerts";
    const needed = { topic: isAlerts ? alerts_topic : topic, isCompacted: !isAlerts };
    if (create_topics) await producer.createTopics([needed]);
    return producer;
  }

  async #disconnect(): Promise<void> {
    const producer = this.#producer;
    this.#producer = undefined;
    const isClosed = new AbortController();
    await Promise.race([
      producer?.close(),
      this.#context.platform.timers.sleep(CLOSE_MS_MAX, isClosed.signal),
    ]);
    isClosed.abort();
  }
}

function failure(index: number, reason: string): WriteFailure {
  return { index, reason, isRetryable: false };
}

/** Puts records into batches of about `bytesMax`, in order; a larger one stands alone. */
function planBatches(outgoing: readonly Outgoing[], bytesMax: number): Outgoing[][] {
  const batches: Outgoing[][] = [];
  let bytes = 0;
  for (const item of outgoing) {
    const { key, value } = item.record;
    const recordBytes = RECORD_BYTES + Buffer.byteLength(key) + Buffer.byteLength(value);
    const open = batches.at(-1);
    if (open === undefined || bytes + recordBytes > bytesMax) {
      batches.push([item]);
      bytes = recordBytes;
    } else {
      open.push(item);
      bytes += recordBytes;
    }
  }
  return batches;
}
