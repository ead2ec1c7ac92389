/**
 * Delivery: one loop per sink and kind of results that walks the store's index of changes, so that a slow or dead sink delays nobody.
 *
 * Windows have no copies in an outbox. The index holds each changed window once, under the number of its newest change; a sink's cursor is a
 * number, and what stands behind it in the index is what the sink has yet to get, in its newest revision. A window that changes again while
 * it waits moves to the index's end and is written once. So a sink that was away for an hour costs no memory, and catches up at its own pace.
 *
 * A step: take the next changes, write them, commit the cursor. Only after everything up to a number is written, or kept among the dead
 * letters in the same commit, does the cursor pass it. A crash in between repeats the write; sinks are made so that this changes nothing.
 * One write is in flight at a time, so an old revision can never arrive after a newer one, except from a write of which nobody knows whether
 * it arrived: stores that compare revisions refuse it, for the others see `last_wins`.
 *
 * Failed writes are tried again at the pace of a breaker, each time with what the store holds by then. Of a batch of which the sink took a
 * part only the rest is written again: what is settled is remembered until the cursor, which can only pass all of it, has passed it. One
 * result that is never taken and never refused therefore holds its sink's cursor, but no other sink.
 */
import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { Breaker, type BreakerState } from "./breaker.ts";
import type { Change, ChangeFeed } from "./change-feed.ts";
import { type CursorStore, DeadLetters, type LetterChanges } from "./dead-letters.ts";
import { DeliveryCounts, type Outcomes } from "./delivery-counts.ts";
import { KeptCursor } from "./kept-cursor.ts";
import { LetterOffice } from "./letter-office.ts";
import { RecentChanges } from "./recent-changes.ts";
import { type Refused, SettledResults } from "./settled-results.ts";
import {
  type ConfiguredSink,
  endMsOf,
  type Result,
  type ResultKind,
  type Sink,
  type WriteReport,
  writeKey,
} from "./sink.ts";
import { Turns } from "./turns.ts";

/** While results wait for company, their number is looked at this many times per flush interval. */
const LOOKS_PER_FLUSH = 10;

/** What a delivery works with. */
export interface DeliveryParts {
  readonly sink: ConfiguredSink;
  /** What `feed` brings. */
  readonly results: ResultKind;
  /** Name under which cursor and dead letters are kept; {@link placeOf}. */
  readonly place: string;
  /** Of stage 2, of which `feed` brings the results; undefined where there is only one. */
  readonly partition?: number | undefined;
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
  readonly outcomes: Outcomes;
  readonly writtenCount: number;
  readonly failedWriteCount: number;
  readonly breaker: BreakerState;
  /** Dead letters that are kept, and all since the sink's first start. */
  readonly deadCount: number;
  readonly deadTotal: number;
  /** Why the last write failed; undefined while all is well. */
  readonly failure: string | undefined;
}

/** Why a step did not succeed. */
interface Failure {
  readonly reason: string;
  /** 0 when the store did not ask for a wait. */
  readonly retryAfterMs: number;
}

type Step = "idle" | "delivered" | Failure;

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
  readonly place: string;
  readonly letters: DeadLetters;
  /** Replays and drops dead letters. */
  readonly office: LetterOffice;
  readonly #parts: DeliveryParts;
  readonly #drain = new AbortController();
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  readonly #breaker = new Breaker();
  readonly #settled = new SettledResults();
  readonly #counts = new DeliveryCounts();
  readonly #cursor: KeptCursor;
  readonly #recent = new RecentChanges();
  /** A step, and what is asked for from outside, never touch sink and cursor at once. */
  readonly #turns = new Turns();
  /** Ends a wait for work; a new one follows each time. */
  #wake = new AbortController();
  #sink: Sink | undefined;
  #isCompared = false;
  #failure: string | undefined;
  /** Whether the last batch was whole, so that another may be waiting. */
  #isCatchingUp = false;
  /** Whether a write may still arrive of which nothing is known. */
  #isUnclear = false;
  /** How much of what was written before may be lost; undefined when nothing is. */
  #lostMs: number | undefined;

  /** Starts at once. Throws FORMAT_UNKNOWN when the cursor cannot be read. */
  constructor(parts: DeliveryParts) {
    this.#parts = parts;
    const { feed, place, platform, sink, store } = parts;
    this.place = place;
    this.letters = new DeadLetters(store, place);
    this.#cursor = new KeptCursor(store, place);
    this.office = new LetterOffice({
      letters: this.letters,
      cursor: this.#cursor,
      turns: this.#turns,
      feed,
      clock: platform.clock,
      batchCount: sink.batchCount,
      failure: () =>
        this.#drain.signal.aborted ? "the aggregator is shutting down" : this.#failure,
      write: async (results) => {
        const opened = await this.#opened();
        return [await this.#write(opened, results), opened];
      },
    });
    this.#done = this.#run();
  }

  get status(): DeliveryStatus {
    const { sink, results, platform } = this.#parts;
    const { name, type } = sink;
    const { change, deadCount, deadTotal } = this.#cursor.value;
    const { outcomes, failedWriteCount } = this.#counts;
    const writtenCount = outcomes.written;
    const breaker = this.#breaker.state(platform.clock.monotonic());
    const counts = { outcomes, writtenCount, failedWriteCount, deadCount, deadTotal };
    return { name, type, results, change, breaker, failure: this.#failure, ...counts };
  }

  /** Whether everything that is written stands in the sink for ever, so that nothing may be written again. */
  get isAppending(): boolean {
    return this.#parts.sink.delivery === "exactly_once";
  }

  /** Delivers what waits, without waiting for more, until it is done or a write fails, at most `drainMsMax`; then closes the sink. */
  async close(drainMsMax: number): Promise<void> {
    this.#drain.abort();
    this.#wake.abort();
    const timeout = new AbortController();
    const wait = this.#parts.platform.timers
      .sleep(drainMsMax, timeout.signal)
      .then(() => this.#stop.abort());
    await this.#done;
    timeout.abort();
    await wait;
  }

  /** Writes again what is over after `fromMs` (since the Unix epoch), as far as the store still has it; durable when it resolves. */
  async replayFrom(fromMs: number): Promise<void> {
    await this.#turns.run(async () => {
      const { change, replay } = this.#cursor.value;
      const throughChange = Math.max(change, replay?.throughChange ?? 0);
      const earliestMs = Math.min(fromMs, replay?.fromMs ?? fromMs);
      await this.#cursor.commit({ change: 0, replay: { fromMs: earliestMs, throughChange } });
      this.#settled.clear();
      this.#recent.clear();
      this.#wake.abort();
    });
  }

  async #run(): Promise<void> {
    const { logger, platform, results, sink } = this.#parts;
    const { clock, random, timers } = platform;
    let isWaiting = true;
    for (;;) {
      const step = await this.#step(isWaiting);
      if (typeof step !== "string") {
        this.#noteFailure(step.reason);
        if (this.#drain.signal.aborted) break;
        await this.#turns.run(() => this.#rewind());
        this.#breaker.fail(clock.monotonic(), random.float(), step.retryAfterMs);
        await timers.sleep(this.#breaker.waitMs(clock.monotonic()), this.#drain.signal);
        isWaiting = false;
        continue;
      }
      if (this.#stop.signal.aborted || (this.#drain.signal.aborted && step === "idle")) break;
      // What gathered while the sink was away does not wait for company.
      isWaiting = this.#breaker.failureCount === 0;
      if (!isWaiting) logger.info(`the sink takes ${results} again`, { sink: sink.name });
      this.#breaker.succeed();
      this.#failure = undefined;
    }
    await this.#turns.run(() => this.#close());
  }

  /** A store that was replaced by an older one has other changes under the numbers that the cursor knows. */
  async #compareWithStore(): Promise<void> {
    if (this.#isCompared) return;
    const { feed, logger, sink } = this.#parts;
    await feed.changed(-1, this.#drain.signal);
    if (this.#drain.signal.aborted) return;
    this.#isCompared = true;
    if (this.#cursor.value.change <= feed.newestChange()) return;
    logger.warn("the sink is ahead of the store, which was replaced: delivering all of it", {
      sink: sink.name,
    });
    this.#cursor.move(0);
  }

  async #step(isWaiting: boolean): Promise<Step> {
    const { platform, sink } = this.#parts;
    try {
      await this.#compareWithStore();
      await this.#turns.run(() => this.#opened());
      if (isWaiting && !this.#hasWholeBatch()) await this.#waitForWork();
      const isProbe = this.#breaker.state(platform.clock.monotonic()) !== "closed";
      return await this.#turns.run(() => this.#deliverNext(isProbe ? 1 : sink.batchCount));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { reason, retryAfterMs: 0 };
    }
  }

  /** Whether a whole batch may wait; told by numbers alone, so that what a sink catches up with is not read twice. */
  #hasWholeBatch(): boolean {
    const { feed, sink } = this.#parts;
    return this.#isCatchingUp && feed.newestChange() - this.#cursor.value.change >= sink.batchCount;
  }

  /** Waits until enough results wait, or the first of them has waited long enough. */
  async #waitForWork(): Promise<void> {
    const { feed, platform, sink } = this.#parts;
    if (this.#wake.signal.aborted && !this.#drain.signal.aborted)
      this.#wake = new AbortController();
    const { signal } = this.#wake;
    await feed.changed(this.#cursor.value.change, signal);
    const startedMs = platform.clock.monotonic();
    const lookMs = Math.max(1, sink.flushIntervalMs / LOOKS_PER_FLUSH);
    while (!signal.aborted) {
      if (feed.changes(this.#cursor.value.change, sink.batchCount).length >= sink.batchCount)
        return;
      const leftMs = startedMs + sink.flushIntervalMs - platform.clock.monotonic();
      if (leftMs <= 0) return;
      await platform.timers.sleep(Math.min(lookMs, leftMs), signal);
    }
  }

  /** Delivers what comes next, at most `countMax` changes. */
  async #deliverNext(countMax: number): Promise<Step> {
    const { feed, platform, sink: configured } = this.#parts;
    const newest = feed.newestChange();
    const changes = feed.changes(this.#cursor.value.change, countMax);
    const last = changes.at(-1);
    this.#isCatchingUp = changes.length >= configured.batchCount;
    if (last === undefined) {
      // What was changed is no longer kept. Nothing needs to be remembered of that.
      this.#cursor.move(Math.max(newest, this.#cursor.value.change));
      return "idle";
    }
    const sink = await this.#opened();
    const results = this.#newestResults(changes);
    const failure = await this.#settle(sink, results);
    if (failure !== undefined) return failure;
    if (this.#isUnclear && configured.delivery === "last_wins") {
      this.#isUnclear = false;
      this.#settled.clear();
      await platform.timers.sleep(configured.writeTimeoutMs, this.#drain.signal);
      return this.#deliverNext(countMax);
    }
    this.#isUnclear = false;
    const refused = this.#settled.refused([...results.keys()]);
    const change = this.#nextChange(last.change);
    await this.#cursor.commit({ change, position: sink.position }, this.#buried(refused));
    this.#noteMoved(change, last.change);
    this.#settled.passed(change);
    this.#noteRefused(refused);
    return "delivered";
  }

  /** Where the cursor goes after a batch: to its last change, or back to what a replaced store may have lost. */
  #nextChange(lastChange: number): number {
    if (this.#lostMs === undefined) return lastChange;
    const sinceMs = this.#parts.platform.clock.monotonic() - this.#lostMs;
    return Math.min(this.#recent.at(sinceMs) ?? lastChange, lastChange);
  }

  #noteMoved(change: number, lastChange: number): void {
    const { logger, platform, sink } = this.#parts;
    if (this.#lostMs === undefined) {
      this.#recent.add(platform.clock.monotonic(), change);
      return;
    }
    this.#lostMs = undefined;
    this.#recent.clear();
    logger.warn("the sink's store was replaced: what was written last is written again", {
      sink: sink.name,
      changes: lastChange - change,
    });
  }

  /** The newest state of everything that a change touches, each once, with the last of its changes. */
  #newestResults(changes: readonly Change[]): Map<Result, number> {
    const { windowMinutes } = this.#parts.sink;
    const { replay } = this.#cursor.value;
    const byId = new Map<string, readonly [Result, number]>();
    for (const changed of changes) {
      const result = changed.result(windowMinutes);
      if (result === undefined) continue;
      const isReplayed = replay !== undefined && changed.change <= replay.throughChange;
      if (isReplayed && endMsOf(result) <= replay.fromMs) continue;
      byId.set(writeKey(result), [result, changed.change]);
    }
    return new Map(byId.values());
  }

  /** Writes what is not settled; undefined when then everything is. */
  async #settle(sink: Sink, results: ReadonlyMap<Result, number>): Promise<Failure | undefined> {
    const pending = [...results].filter(([result]) => !this.#settled.has(result));
    if (pending.length === 0) return undefined;
    const report = await this.#write(
      sink,
      pending.map(([result]) => result),
    );
    const failures = new Map(report.failures.map((failure) => [failure.index, failure]));
    for (const [index, [result, change]] of pending.entries()) {
      const failure = failures.get(index);
      if (failure?.isRetryable !== true) this.#settled.add(result, change, failure?.reason);
    }
    const retryable = report.failures.filter(({ isRetryable }) => isRetryable);
    if (retryable.length === 0) return undefined;
    // A position says what the sink took: there, the batch comes whole or not at all.
    if (this.#parts.sink.delivery === "exactly_once") this.#settled.clear();
    const { retryAfterMs = 0 } = report;
    const of = `${retryable.length} of ${pending.length}`;
    return { reason: `${of} results were not taken: ${retryable[0]?.reason}`, retryAfterMs };
  }

  async #write(sink: Sink, results: readonly Result[]): Promise<WriteReport> {
    const { feed, platform, sink: configured } = this.#parts;
    const finished = new AbortController();
    const limit = new AbortController();
    const stop = () => limit.abort();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    if (this.#stop.signal.aborted) stop();
    const wait = platform.timers.sleep(configured.writeTimeoutMs, finished.signal).then(stop);
    try {
      const context = { signal: limit.signal, watermarkMs: feed.watermarkMs() };
      const report = await sink.write(results, context);
      this.#counts.written(results.length, report);
      this.#lostMs ??= report.lostMs;
      return report;
    } catch (error) {
      this.#isUnclear = true;
      throw error;
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      finished.abort();
      await wait;
    }
  }

  async #opened(): Promise<Sink> {
    if (this.#sink !== undefined) return this.#sink;
    const { platform, logger, results, partition, feed, sink: configured } = this.#parts;
    const { position } = this.#cursor.value;
    const { name } = configured;
    const firing = () => feed.firing?.() ?? [];
    const parts = { name, results, partition, platform, logger, position, firing };
    const sink = await configured.open(parts);
    this.#sink = sink;
    // A position that was never kept is kept before the first write, or a crash after that write would not know where it began.
    if (sink.position !== position) await this.#cursor.commit({ position: sink.position });
    return sink;
  }

  #buried(refused: readonly Refused[]): LetterChanges {
    const { platform, sink } = this.#parts;
    const refusedAtMs = platform.clock.now();
    const letters = refused.map((each) => ({ ...each, refusedAtMs }));
    return this.letters.add(letters, this.#cursor.value, sink.deadLetterCountMax);
  }

  #noteRefused(refused: readonly Refused[]): void {
    const { logger, results, sink } = this.#parts;
    const [first] = refused;
    if (first === undefined) return;
    logger.error(`the sink refused ${results} for good; they are among the dead letters`, {
      sink: sink.name,
      count: refused.length,
      reason: first.reason,
    });
  }

  #noteFailure(reason: string): void {
    const { logger, results, sink } = this.#parts;
    const { failureCount } = this.#breaker;
    this.#counts.failed();
    this.#failure = reason;
    const facts = { sink: sink.name, reason, attempt: failureCount + 1 };
    if (failureCount === 0) logger.warn(`the sink does not take ${results}; trying again`, facts);
    else logger.debug(`the sink still does not take ${results}`, facts);
  }

  /** A sink that wrote more than the cursor knows of is opened again where the cursor is, since all of it comes again. */
  async #rewind(): Promise<void> {
    if (this.#sink === undefined || this.#sink.position === this.#cursor.value.position) return;
    await this.#close();
    this.#settled.clear();
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
