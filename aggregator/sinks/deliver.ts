/**
 * Delivery: one loop per sink and kind of results that walks the store's index of changes, so that a slow or dead sink delays nobody.
 *
 * Windows have no copies in an outbox. The index holds each changed window once, under the number of its newest change; a sink's cursor is a
 * number, and what stands behind it in the index is what the sink has yet to get, in its newest revision. A window that changes again while
 * it waits moves to the index's end and is written once. So a sink that was away for an hour costs no memory, and catches up at its own pace.
 *
 * A step: take the next changes, write them, commit the cursor. Only after everything up to a number is written, or kept among the dead
 * letters in the same commit, does the cursor pass it. A crash in between repeats the write; sinks are made so that this changes nothing.
 * One write is in flight at a time, so an old revision can never arrive after a newer one. Failed writes are tried again with a backoff whose
 * wait is drawn from its whole range (full jitter, Marc Brooker: "Exponential Backoff And Jitter", AWS 2015), each time with what the store
 * holds by then.
 */
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import {
  CURSOR_START,
  type Cursor,
  cursorKey,
  deadLetterKey,
  decodeCursor,
  encodeCursor,
  encodeDeadLetter,
} from "./cursor-row.ts";
import type { ConfiguredSink, Result, ResultKind, Sink, WriteFailure } from "./sink.ts";

const BACKOFF_MS_MIN = 250;
const BACKOFF_MS_MAX = 10_000;
/** While results wait for company, their number is looked at this many times per flush interval. */
const LOOKS_PER_FLUSH = 10;

/** Where cursors and dead letters are kept; a commit is atomic and durable when it resolves. */
export interface CursorStore {
  get(key: string): Buffer | undefined;
  range(
    from: string,
    to: string,
    options?: { readonly limit?: number },
  ): Iterable<readonly [key: string, value: Buffer]>;
  commit(
    changes: readonly { readonly key: string; readonly value: Buffer | undefined }[],
  ): Promise<void>;
}

/** What a delivery works with. */
export interface DeliveryParts {
  readonly sink: ConfiguredSink;
  /** What `feed` brings. */
  readonly results: ResultKind;
  /** Name under which cursor and dead letters are kept; {@link placeOf}. */
  readonly place: string;
  readonly feed: ChangeFeed;
  readonly store: CursorStore;
  readonly platform: Platform;
  readonly logger: Logger;
}

/** How a sink is doing. */
export interface DeliveryStatus {
  readonly name: string;
  readonly type: string;
  readonly results: ResultKind;
  /** Number of the last change behind the cursor. */
  readonly change: number;
  readonly writtenCount: number;
  readonly failedWriteCount: number;
  /** Dead letters since the sink's first start. */
  readonly deadTotal: number;
  /** Why the last write failed; undefined while all is well. */
  readonly failure: string | undefined;
}

/**
 * The name under which cursor and dead letters of a sink are kept: the sink's for windows, with the kind of results behind it for others,
 * and with the partition where there are several. No sink's name holds a slash.
 */
export function placeOf(sink: string, results: ResultKind, partition: number | undefined): string {
  const place = results === "windows" ? sink : `${sink}/${results}`;
  return partition === undefined ? place : `${place}/${partition}`;
}

/** One sink's loop over one kind of results. See the head of this file. */
export class Delivery {
  readonly #parts: DeliveryParts;
  readonly #drain = new AbortController();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #cursor: Cursor = CURSOR_START;
  #sink: Sink | undefined;
  #writtenCount = 0;
  #failedWriteCount = 0;
  #failure: string | undefined;

  /** Starts at once. Throws FORMAT_UNKNOWN when the cursor cannot be read. */
  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    const key = cursorKey(parts.place);
    this.#cursor = decodeCursor(parts.store.get(key), key);
    this.#done = this.#run();
  }

  get status(): DeliveryStatus {
    const { sink, results } = this.#parts;
    return {
      name: sink.name,
      type: sink.type,
      results,
      change: this.#cursor.change,
      writtenCount: this.#writtenCount,
      failedWriteCount: this.#failedWriteCount,
      deadTotal: this.#cursor.deadTotal,
      failure: this.#failure,
    };
  }

  /** Delivers what waits, without waiting for more, until it is done or a write fails, at most `drainMsMax`; then closes the sink. */
  async close(drainMsMax: number): Promise<void> {
    this.#drain.abort();
    const timeout = new AbortController();
    const wait = this.#parts.platform.timers
      .sleep(drainMsMax, timeout.signal)
      .then(() => this.#stop.abort());
    await this.#done;
    timeout.abort();
    await wait;
  }

  async #run(): Promise<void> {
    const { logger, sink, results } = this.#parts;
    let failureCount = 0;
    let isCompared = false;
    for (;;) {
      try {
        if (!isCompared) await this.#compareWithStore();
        isCompared = true;
        await this.#opened();
        if (failureCount === 0) await this.#waitForWork();
        const isDraining = this.#drain.signal.aborted;
        const isDone = !(await this.#deliverNext());
        if (this.#stop.signal.aborted || (isDraining && isDone)) break;
        if (failureCount > 0) logger.info(`the sink takes ${results} again`, { sink: sink.name });
        failureCount = 0;
        this.#failure = undefined;
      } catch (error) {
        this.#noteFailure(error, failureCount);
        if (this.#drain.signal.aborted) break;
        await this.#rewind();
        await this.#backOff(failureCount);
        failureCount++;
      }
    }
    await this.#close();
  }

  /** A store that was replaced by an older one has other changes under the numbers that the cursor knows. */
  async #compareWithStore(): Promise<void> {
    const { feed, logger, sink } = this.#parts;
    await feed.changed(-1, this.#drain.signal);
    if (this.#drain.signal.aborted || this.#cursor.change <= feed.newestChange()) return;
    logger.warn("the sink is ahead of the store, which was replaced: delivering all of it", {
      sink: sink.name,
    });
    this.#cursor = { ...this.#cursor, change: 0 };
  }

  /** Waits until enough results wait, or the first of them has waited long enough. */
  async #waitForWork(): Promise<void> {
    const { feed, platform, sink } = this.#parts;
    const { signal } = this.#drain;
    await feed.changed(this.#cursor.change, signal);
    const startedMs = platform.clock.monotonic();
    const lookMs = Math.max(1, sink.flushIntervalMs / LOOKS_PER_FLUSH);
    while (!signal.aborted) {
      if (feed.changes(this.#cursor.change, sink.batchCount).length >= sink.batchCount) return;
      const leftMs = startedMs + sink.flushIntervalMs - platform.clock.monotonic();
      if (leftMs <= 0) return;
      await platform.timers.sleep(Math.min(lookMs, leftMs), signal);
    }
  }

  /** Delivers what comes next; false when nothing waits. */
  async #deliverNext(): Promise<boolean> {
    const { feed, sink: configured } = this.#parts;
    const newest = feed.newestChange();
    const changes = feed.changes(this.#cursor.change, configured.batchCount);
    const last = changes.at(-1);
    if (last === undefined) {
      // What was changed is no longer kept. Nothing needs to be remembered of that.
      this.#cursor = { ...this.#cursor, change: Math.max(newest, this.#cursor.change) };
      return false;
    }
    const sink = await this.#opened();
    const dead: { readonly result: Result; readonly reason: string }[] = [];
    const results = this.#newestResults(changes);
    if (results.length > 0) {
      const failures = await this.#write(sink, results);
      const retryable = failures.filter((failure) => failure.isRetryable);
      // A repeated write changes nothing, so one that must come again brings the others along: the cursor can pass all or none.
      if (retryable.length > 0) throw partlyFailed(retryable, results.length);
      for (const { index, reason } of failures) {
        const result = results[index];
        if (result !== undefined) dead.push({ result, reason });
      }
    }
    await this.#commit(last.change, sink.position, dead);
    this.#writtenCount += results.length - dead.length;
    return true;
  }

  /** The newest state of everything that a change touches, each once. */
  #newestResults(changes: readonly Change[]): Result[] {
    const { windowMinutes } = this.#parts.sink;
    const results = new Map<string, Result>();
    for (const change of changes) {
      const result = change.result(windowMinutes);
      if (result !== undefined) results.set(result.id, result);
    }
    return [...results.values()];
  }

  async #write(sink: Sink, results: readonly Result[]): Promise<readonly WriteFailure[]> {
    const { feed, platform, sink: configured } = this.#parts;
    const finished = new AbortController();
    const limit = new AbortController();
    const stop = () => limit.abort();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    if (this.#stop.signal.aborted) stop();
    const wait = platform.timers.sleep(configured.writeTimeoutMs, finished.signal).then(stop);
    try {
      const context = { signal: limit.signal, watermarkMs: feed.watermarkMs() };
      return (await sink.write(results, context)).failures;
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      finished.abort();
      await wait;
    }
  }

  async #opened(): Promise<Sink> {
    if (this.#sink !== undefined) return this.#sink;
    const { platform, logger, results, sink: configured } = this.#parts;
    const { position } = this.#cursor;
    const { name } = configured;
    const sink = await configured.open({ name, results, platform, logger, position });
    this.#sink = sink;
    // A position that was never kept is kept before the first write, or a crash after that write would not know where it began.
    if (sink.position !== position) await this.#commit(this.#cursor.change, sink.position, []);
    return sink;
  }

  async #commit(
    change: number,
    position: string | undefined,
    dead: readonly { readonly result: Result; readonly reason: string }[],
  ): Promise<void> {
    const { store, platform, logger, sink, results, place } = this.#parts;
    const excess = Math.max(0, this.#cursor.deadCount + dead.length - sink.deadLetterCountMax);
    const cursor: Cursor = {
      change,
      position,
      deadCount: this.#cursor.deadCount + dead.length - excess,
      deadTotal: this.#cursor.deadTotal + dead.length,
    };
    const changes: { readonly key: string; readonly value: Buffer | undefined }[] = [
      { key: cursorKey(place), value: encodeCursor(cursor) },
    ];
    // Letters are numbered; the kept ones are the last `deadCount` of `deadTotal`.
    const keptFrom = cursor.deadTotal - cursor.deadCount;
    const keptFromBefore = this.#cursor.deadTotal - this.#cursor.deadCount;
    for (let index = keptFromBefore; index < Math.min(keptFrom, this.#cursor.deadTotal); index++) {
      changes.push({ key: deadLetterKey(place, index), value: undefined });
    }
    for (const [offset, { result, reason }] of dead.entries()) {
      const index = this.#cursor.deadTotal + offset;
      if (index < keptFrom) continue;
      const letter = { reason, refusedAtMs: platform.clock.now(), result };
      changes.push({ key: deadLetterKey(place, index), value: encodeDeadLetter(letter) });
    }
    await store.commit(changes);
    this.#cursor = cursor;
    if (dead.length > 0) {
      logger.error(`the sink refused ${results} for good; they are among the dead letters`, {
        sink: sink.name,
        count: dead.length,
        reason: dead[0]?.reason,
      });
    }
  }

  #noteFailure(error: unknown, failureCount: number): void {
    const { logger, sink, results } = this.#parts;
    this.#failedWriteCount++;
    this.#failure = error instanceof Error ? error.message : String(error);
    const facts = { sink: sink.name, reason: this.#failure, attempt: failureCount + 1 };
    if (failureCount === 0) logger.warn(`the sink does not take ${results}; trying again`, facts);
    else logger.debug(`the sink still does not take ${results}`, facts);
  }

  async #backOff(failureCount: number): Promise<void> {
    const { platform } = this.#parts;
    const waitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** Math.min(failureCount, 16));
    await platform.timers.sleep(platform.random.float() * waitMs, this.#drain.signal);
  }

  /** A sink that wrote more than the cursor knows of is opened again where the cursor is, since all of it comes again. */
  async #rewind(): Promise<void> {
    if (this.#sink === undefined || this.#sink.position === this.#cursor.position) return;
    await this.#close();
    this.#sink = undefined;
  }

  async #close(): Promise<void> {
    const { logger, sink } = this.#parts;
    try {
      await this.#sink?.close();
    } catch (error) {
      logger.warn("the sink did not close cleanly", { sink: sink.name, reason: String(error) });
    }
  }
}

function partlyFailed(failures: readonly WriteFailure[], count: number): TailraceError {
  const reason = failures[0]?.reason ?? "";
  return new TailraceError(
    "SINK_FAILED",
    `${failures.length} of ${count} results were not taken: ${reason}`,
  );
}
