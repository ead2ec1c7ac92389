/**
 * The loop around a session: own → read → apply → commit, again and again. Whatever fails in between, it closes, owns again, takes state
 * and position as of the last commit, and goes on from there, so nothing is counted twice or left out.
 */
import { AssertionError } from "../../shared/assert.ts";
import { type ErrorCode, TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Clock } from "../../shared/platform/clock.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { Log, LogRecord, Owner, StateView, Topic } from "../log/log.ts";
import type { Applied, Session } from "./session.ts";

const READ_BYTES_MAX = 1024 * 1024;
const BACKOFF_FIRST_MS = 250;
const BACKOFF_LONGEST_MS = 10_000;
const TRIM_INTERVAL_MS = 10_000;
/** How long housekeeping leaves the word to records before it goes on. */
const HOUSEKEEPING_PAUSE_MS = 1;
/** Trying again cannot help. */
const FATAL_CODES: readonly ErrorCode[] = ["FORMAT_UNKNOWN", "LOG_CORRUPT", "STATE_CORRUPT"];

/** What one loop works on and with. */
export interface OwnerLoopOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly topic: Topic;
  readonly group: string;
  readonly partition: number;
  /** Shortest time between two groups while there is not more to read than one can hold. */
  readonly intervalMs: number;
  open(owner: Owner): Session;
  /** Called when a partition is owned, with the position from which it goes on. */
  onOwned(position: number): void;
  /** Called after records were applied and committed. */
  onApplied(applied: Applied): void;
  /** Called once, when the loop gave up: a fault of the program, or bytes that cannot be trusted. */
  readonly onFatal: (error: unknown) => void;
}

/** How a loop is getting on. */
export interface LoopProgress {
  readonly topic: Topic;
  readonly partition: number;
  readonly isOwned: boolean;
  /** Next position; all before are applied. */
  readonly position: number;
  /** How long the record that was applied last had waited in the log; 0 when there is nothing to read. */
  readonly lagMs: number;
  /** When records were last applied, on the monotonic clock. */
  readonly lastProgressMs: number;
}

/** See the head of this file. */
export class OwnerLoop {
  private readonly options: OwnerLoopOptions;
  private readonly stop = new AbortController();
  private readonly running: Promise<void>;
  private view: StateView | undefined;
  private isOwned = false;
  private position = 0;
  private lastAppendedAtMs: number | undefined;
  private isCaughtUp = false;
  private lastProgressMs: number;
  private lastTrimMs = Number.NEGATIVE_INFINITY;
  private backoffMs = BACKOFF_FIRST_MS;

  constructor(options: OwnerLoopOptions) {
    this.options = options;
    this.lastProgressMs = options.clock.monotonic();
    this.running = this.run();
  }

  /** The partition's state as of the last commit; undefined before it was first owned. */
  get state(): StateView | undefined {
    return this.view;
  }

  /** How it is getting on. */
  get progress(): LoopProgress {
    const { topic, partition, clock } = this.options;
    const { isOwned, position, lastProgressMs, lastAppendedAtMs } = this;
    const waitedMs = lastAppendedAtMs === undefined ? 0 : clock.now() - lastAppendedAtMs;
    const lagMs = this.isCaughtUp ? 0 : Math.max(0, waitedMs);
    return { topic, partition, isOwned, position, lagMs, lastProgressMs };
  }

  /** Finishes the group at hand and closes the owner. */
  async close(): Promise<void> {
    this.stop.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { timers } = this.options;
    while (!this.stop.signal.aborted) {
      try {
        await this.ownAndServe();
      } catch (error) {
        if (!this.mayGoOn(error)) return;
      }
      this.isOwned = false;
      await timers.sleep(this.backoffMs, this.stop.signal);
      this.backoffMs = Math.min(this.backoffMs * 2, BACKOFF_LONGEST_MS);
    }
  }

  private mayGoOn(error: unknown): boolean {
    const { logger, topic, partition } = this.options;
    this.isOwned = false;
    const isOperating = error instanceof TailraceError && !FATAL_CODES.includes(error.code);
    if (isOperating) {
      if (this.stop.signal.aborted) return true;
      const facts = { topic, partition, code: error.code, waitMs: this.backoffMs };
      logger.warn(`A partition is given up for a moment: ${error.message}`, facts);
      return true;
    }
    const what = error instanceof AssertionError ? "a fault of this program" : "an error";
    const message = error instanceof Error ? error.message : String(error);
    logger.error(`Processing stopped by ${what}: ${message}`, { topic, partition });
    this.options.onFatal(error);
    return false;
  }

  private async ownAndServe(): Promise<void> {
    const { log, group, partition, topic } = this.options;
    // Not AbortSignal.any: Node keeps such a signal, and whoever listens to it, for as long as somebody does.
    const end = new AbortController();
    const stop = () => end.abort();
    const owner = await log.own(group, partition, stop);
    const { signal } = this.stop;
    signal.addEventListener("abort", stop);
    try {
      const session = this.options.open(owner);
      this.view = owner.state;
      this.isOwned = true;
      this.position = owner.position(topic);
      this.options.onOwned(this.position);
      if (!signal.aborted) await this.serve(owner, session, end.signal);
    } finally {
      // Also ends a read that is still waiting.
      signal.removeEventListener("abort", stop);
      end.abort();
      await owner.close();
    }
  }

  private async serve(owner: Owner, session: Session, signal: AbortSignal): Promise<void> {
    const { timers, topic, intervalMs } = this.options;
    let reading: Promise<LogRecord[]> | undefined;
    while (!signal.aborted) {
      reading ??= owner.read(topic, this.position, READ_BYTES_MAX, signal);
      const records = await this.take(reading, session.hasHousekeeping);
      if (signal.aborted) return;
      if (records === undefined) {
        if (session.hasHousekeeping) await session.housekeep();
      } else {
        reading = undefined;
        await this.applyAll(session, records, signal);
        const bytes = records.reduce((sum, record) => sum + record.payload.length, 0);
        if (intervalMs > 0 && bytes < READ_BYTES_MAX) await timers.sleep(intervalMs, signal);
      }
      // It works: the next failure is a new one.
      this.backoffMs = BACKOFF_FIRST_MS;
      await this.trim(owner.position(topic));
    }
  }

  /**
   * What is read; undefined when nothing was read for a moment: time for housekeeping, or for giving space back. A log that is full takes
   * no record that would wake this loop up.
   */
  private async take(
    reading: Promise<LogRecord[]>,
    hasHousekeeping: boolean,
  ): Promise<LogRecord[] | undefined> {
    this.isCaughtUp = true;
    const isRead = new AbortController();
    const pause = this.options.timers
      .sleep(hasHousekeeping ? HOUSEKEEPING_PAUSE_MS : TRIM_INTERVAL_MS, isRead.signal)
      .then(() => undefined);
    const records = await Promise.race([reading, pause]).finally(() => isRead.abort("read"));
    this.isCaughtUp = records === undefined;
    return records;
  }

  private async applyAll(
    session: Session,
    records: readonly LogRecord[],
    signal: AbortSignal,
  ): Promise<void> {
    let left = records;
    while (left.length > 0 && !signal.aborted) {
      const applied = await session.apply(left);
      const firstLeft = left.findIndex((record) => record.position >= applied.next);
      const done = firstLeft < 0 ? left : left.slice(0, firstLeft);
      this.position = applied.next;
      this.lastProgressMs = this.options.clock.monotonic();
      this.lastAppendedAtMs = done.at(-1)?.appendedAtMs ?? this.lastAppendedAtMs;
      this.options.onApplied(applied);
      left = firstLeft < 0 ? [] : left.slice(firstLeft);
    }
  }

  private async trim(before: number): Promise<void> {
    const { log, clock, topic, partition, logger } = this.options;
    const nowMs = clock.monotonic();
    if (nowMs - this.lastTrimMs < TRIM_INTERVAL_MS) return;
    this.lastTrimMs = nowMs;
    try {
      await log.trim(topic, partition, before);
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      logger.warn(`The log was not trimmed: ${error.message}`, { topic, partition });
    }
  }
}
