import type { InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import { RecordCounter } from "../../../../aggregator/sources/count-records.ts";
import {
  type FetchedBatch,
  KafkaPartition,
  type TakeControls,
} from "../../../../aggregator/sources/kafka-partition.ts";
import type {
  InletStanding,
  InletWord,
  RecordLog,
} from "../../../../aggregator/sources/record-log.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { SELECTORS_NONE } from "../../../../shared/protocol/selected-event.ts";
import { REDACTOR_NONE } from "../../../../shared/redaction/redactor.ts";

const TEN_MS = Date.parse("2026-11-20T10:00:00Z");

/** A log whose stage 1 keeps one inlet, as `InletTable` does. */
export class SampleLog implements RecordLog {
  position: number | undefined;
  counted = 0;
  readonly entries: InletEntry[] = [];
  /** What the next appends do instead of being applied: not at all, or without a word. */
  readonly faults: ("unavailable" | "silent")[] = [];

  standing(): InletStanding {
    return { isOwned: true, position: this.position };
  }

  async append(entry: InletEntry): Promise<{ word(): Promise<InletWord | undefined> }> {
    const fault = this.faults.shift();
    if (fault === "unavailable") throw new TailraceError("LOG_UNAVAILABLE", "away");
    const word = this.apply(entry);
    return { word: async () => (fault === "silent" ? undefined : word) };
  }

  private apply(entry: InletEntry): InletWord {
    const { records } = entry;
    if (records.kind !== "range") throw new Error("not a range");
    const at = this.position ?? records.from;
    if (records.from !== at) {
      return { verdict: records.to <= at ? "duplicate" : "rewind", position: at };
    }
    this.entries.push(entry);
    this.position = records.to;
    const { deltas } = decodeBatch(entry.batch);
    for (const { aggregate } of deltas) this.counted += aggregate.requestCount;
    return { verdict: "applied", position: records.to };
  }
}

/** One partition of a topic, whose records are all events. */
export class SampleTopic {
  low = 0;
  high = 0;
  readonly seeks: number[] = [];
  readonly resolved: string[] = [];

  /** What a fetch from `from` brings: the records below `to`; `skip` are not seen by readers. */
  fetch(from: number, to: number, skip: readonly number[] = []): FetchedBatch {
    const messages = [];
    for (let offset = from; offset < to; offset++) {
      if (skip.includes(offset)) continue;
      const value = Buffer.from(JSON.stringify({ timestamp: TEN_MS, number: offset }));
      messages.push({ offset: String(offset), value });
    }
    return { fetchedOffset: from, messages, lastOffset: to - 1, endOffset: this.high };
  }

  readonly controls: TakeControls = {
    heartbeat: () => Promise.resolve(),
    resolve: (offset) => this.resolved.push(offset),
    isStale: () => false,
  };

  reader(records: SampleLog, settings: { startAt?: "beginning" | "end"; errors?: string[] } = {}) {
    const events = { ...EVENT_OPTIONS_DEFAULT, timezone: "UTC" };
    const options = {
      leaving: { redactor: REDACTOR_NONE, aggregation: undefined },
      labels: {},
      source: "bus",
      stream: "orders",
      service: "orders",
      events,
      selectors: () => SELECTORS_NONE,
      place: { source: "orders", file: 0 },
    };
    const logger: Logger = {
      ...{ warn() {}, info() {}, debug() {} },
      error: (message) => settings.errors?.push(message),
    };
    const stop = new AbortController();
    const sleep = async () => {
      // A pause of a topic that was replaced would last for ever here.
      if (this.high < (records.position ?? 0)) stop.abort();
    };
    return new KafkaPartition({
      ...{ name: { tenant: "", source: "bus", place: "orders/0" }, records, logger },
      counter: new RecordCounter(options),
      client: {
        bounds: () => Promise.resolve({ low: this.low, high: this.high }),
        seek: (offset) => this.seeks.push(offset),
      },
      platform: { ...realPlatform, timers: { sleep } },
      ...{ maxFutureMs: 600_000, startAt: settings.startAt ?? "beginning", signal: stop.signal },
    });
  }
}
