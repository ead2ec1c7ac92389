/**
 * One partition of a topic, read into the log. Kafka's own record of how far a group has read decides nothing here: the truth is the inlet's position,
 * which stage 1 commits together with the counts. The reader goes there when it begins, and wherever Kafka gives it something else.
 *
 * Offsets may skip within what is fetched (compaction, ends of transactions). They may also skip because the topic's retention took records
 * before they were read; these are in the ledger as lost. A position beyond the topic's end means that the topic was replaced by another
 * of the same name, or lost acknowledged records: nothing is read until somebody decides.
 */
import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { InletName } from "../log/inlet-entry.ts";
import { type AppendParts, appendRange } from "./append-range.ts";
import type { RecordCounter } from "./count-records.ts";
import type { RecordLog } from "./record-log.ts";

/** An entry is appended at this many bytes of records … */
const ENTRY_BYTES = 1024 * 1024;
/** … or this many records. */
const ENTRY_RECORDS = 5_000;
const LOOK_MS = 200;
/** How often a topic that was replaced is looked at again. */
const REPLACED_LOOK_MS = 5_000;

/** A record of Kafka, as its client hands it over. */
export interface FetchedRecord {
  readonly offset: string;
  readonly value: Buffer | null;
}

/** What a fetch brought of one partition. */
export interface FetchedBatch {
  /** Offset that was asked for. */
  readonly fetchedOffset: number;
  readonly messages: readonly FetchedRecord[];
  /** Of the last record, those included that readers do not see. */
  readonly lastOffset: number;
  /** The next offset to be written. */
  readonly endOffset: number;
}

/** What Kafka's client offers for one partition. */
export interface PartitionClient {
  /** The first offset that is kept, and the next to be written. Fails while Kafka cannot be asked. */
  bounds(): Promise<{ readonly low: number; readonly high: number }>;
  /** The next fetch begins there. */
  seek(offset: number): void;
}

/** What one batch is taken with. */
export interface TakeControls {
  /** Keeps the reader's place in its group; rejects when it lost it. */
  heartbeat(): Promise<void>;
  /** Records up to this offset need not be fetched again. */
  resolve(offset: string): void;
  /** True when what was fetched is no longer wanted. */
  isStale(): boolean;
}

/** What a reader works with. */
export interface PartitionParts {
  readonly name: InletName;
  readonly counter: RecordCounter;
  readonly records: RecordLog;
  readonly client: PartitionClient;
  readonly platform: Platform;
  readonly logger: Logger;
  readonly maxFutureMs: number;
  /** Where reading begins when nothing was counted yet. */
  readonly startAt: "beginning" | "end";
  readonly signal: AbortSignal;
}

/** See the head of this file. */
export class KafkaPartition {
  readonly #parts: PartitionParts;
  /** Where the next entry begins; undefined until {@link open} found it. */
  #position: number | undefined;
  /** The fetch that must come first; undefined once it came. */
  #awaitedOffset: number | undefined;
  #endOffset: number | undefined;
  #failure: string | undefined;

  constructor(parts: PartitionParts) {
    this.#parts = parts;
  }

  /** Records that wait to be read; undefined while that is not known. */
  get behindCount(): number | undefined {
    if (this.#endOffset === undefined || this.#position === undefined) return undefined;
    return Math.max(0, this.#endOffset - this.#position);
  }

  /** Why nothing is read; undefined while all is well. */
  get failure(): string | undefined {
    return this.#failure;
  }

  /** Finds the position and goes there. May be called again when Kafka gave the partition back. Rejects when Kafka cannot be asked. */
  async open(): Promise<void> {
    const { client, signal, platform } = this.#parts;
    this.#position = undefined;
    const stored = await this.#storedPosition();
    if (signal.aborted) return;
    const { low, high } = await client.bounds();
    this.#endOffset = high;
    let position: number | undefined;
    if (stored === undefined) {
      const start = this.#parts.startAt === "end" ? high : low;
      position = await this.#append(start, start);
    } else if (stored < low) position = await this.#appendLost(stored, low);
    else if (stored > high) {
      this.#reportReplaced(stored, high);
      await platform.timers.sleep(REPLACED_LOOK_MS, signal);
      return this.open();
    } else position = stored;
    if (position === undefined) return;
    this.#failure = undefined;
    this.#position = position;
    this.#awaitedOffset = position;
    client.seek(position);
  }

  /** Counts what a fetch brought. Resolves when stage 1 has committed it, or when it must be fetched anew. */
  async take(batch: FetchedBatch, controls: TakeControls): Promise<void> {
    this.#endOffset = batch.endOffset;
    if (this.#position === undefined) {
      await this.#parts.platform.timers.sleep(LOOK_MS, this.#parts.signal);
      return;
    }
    if (!(await this.#isInPlace(batch.fetchedOffset))) return;
    let bytes = 0;
    let records = 0;
    for (const { offset, value } of batch.messages) {
      const number = Number(offset);
      if (number < this.#position) continue;
      this.#count(value, number);
      bytes += value?.length ?? 0;
      if (++records < ENTRY_RECORDS && bytes < ENTRY_BYTES) continue;
      if (!(await this.#flush(number + 1, controls))) return;
      controls.resolve(offset);
      await controls.heartbeat();
      if (controls.isStale()) return;
      bytes = 0;
      records = 0;
    }
    const last = batch.messages.at(-1);
    if (last === undefined) return;
    const end = batch.lastOffset + 1;
    if (end > this.#position && !(await this.#flush(end, controls))) return;
    controls.resolve(last.offset);
  }

  #count(value: Buffer | null, offset: number): void {
    const { counter, platform, maxFutureMs } = this.#parts;
    if (value === null) counter.reject(Buffer.alloc(0), offset, "no_value");
    else counter.add(value, offset, platform.clock.now() + maxFutureMs);
  }

  /** True when a fetch from this offset goes on where the inlet is; otherwise the reader went there. */
  async #isInPlace(fetchedOffset: number): Promise<boolean> {
    const position = this.#position;
    if (position === undefined) return false;
    if (this.#awaitedOffset === undefined && fetchedOffset > position) {
      const { low } = await this.#parts.client.bounds();
      // Nothing that readers see stood in between.
      if (low <= position) return true;
    } else if (fetchedOffset === position) {
      this.#awaitedOffset = undefined;
      return true;
    }
    await this.open();
    return false;
  }

  /** Appends what was counted up to `to`; false when the reader must not go on from there. */
  async #flush(to: number, controls: TakeControls): Promise<boolean> {
    const from = this.#position;
    if (from === undefined) return false;
    const position = await this.#append(from, to, controls);
    if (position === undefined) return false;
    this.#position = position;
    if (position === to) return true;
    // Somebody else reads this partition, too, or the state was replaced.
    await this.open();
    return false;
  }

  /** Appends an entry; returns where the next one must begin, undefined when the program stops. */
  async #append(from: number, to: number, controls?: TakeControls): Promise<number | undefined> {
    const { name, counter, records, platform, logger, signal } = this.#parts;
    // An entry without records opens the inlet: others wait for its first event, if there is one.
    const state = from === to && from === this.#endOffset ? "idle" : "live";
    const { batch, letters } = counter.take(platform.clock.now(), state);
    const range = { kind: "range", from, to } as const;
    const parts: AppendParts = {
      ...{ records, timers: platform.timers, logger, signal },
      beforeRetry: async () => controls?.heartbeat(),
    };
    const word = await appendRange(
      { kind: "inlet", ...name, records: range, batch, letters },
      parts,
    );
    return word?.position;
  }

  #appendLost(position: number, low: number): Promise<number | undefined> {
    const { name, counter, logger } = this.#parts;
    const count = low - position;
    logger.error("records were deleted by the topic's retention before they were read", {
      ...{ source: name.source, place: name.place, from: position, count },
    });
    counter.note("lost", "retention", count, 0);
    return this.#append(position, low);
  }

  async #storedPosition(): Promise<number | undefined> {
    const { records, name, platform, signal } = this.#parts;
    for (;;) {
      const standing = records.standing(name);
      if (standing.isOwned) return standing.position;
      if (signal.aborted) return undefined;
      await platform.timers.sleep(LOOK_MS, signal);
    }
  }

  #reportReplaced(position: number, high: number): void {
    const { name, logger } = this.#parts;
    const text =
      `The topic ends at offset ${high}, but was counted up to ${position}: it was made anew, or lost records. ` +
      "Nothing is read of it. Give the source another name to read the topic from its beginning.";
    if (this.#failure === undefined) {
      logger.error(text, { source: name.source, place: name.place });
    }
    this.#failure = text;
  }
}
