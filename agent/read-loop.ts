/**
 * Reads from the sources and seals what was counted into the spool, as long as an epoch lasts.
 *
 * One batch at most waits to be synced. While the disk fails, or the spool is full, counting goes on until as much as one more batch holds is
 * pending; then reading stops. The log files are themselves a buffer: nothing is lost by waiting.
 */
import { present } from "../shared/assert.ts";
import { systemCode, TailraceError } from "../shared/errors.ts";
import type { Logger } from "../shared/log.ts";
import type { Platform } from "../shared/platform/platform.ts";
import type { LedgerEntry } from "../shared/protocol/batch.ts";
import { Wake } from "../shared/wake.ts";
import type { Source } from "./source/source.ts";
import { type MadeBatch, makeBatch } from "./spool/make-batch.ts";
import type { Spool } from "./spool/spool.ts";
import type { EventSelection } from "./window/event-selection.ts";

/** What shipping tells the loop. */
export interface ShipView {
  /** True when nothing may be read any more. */
  readonly isFenced: boolean;
  /** True while a record is not known to be held by an aggregator. */
  readonly hasUnacknowledged: boolean;
  /** True while a record is held by an aggregator, but not yet applied. */
  readonly hasUnapplied: boolean;
}

/** How the loop works. */
export interface ReadLoopOptions {
  readonly platform: Pick<Platform, "clock" | "disk" | "timers">;
  readonly sources: readonly Source[];
  /** Its state is the epoch's; the sources were made from it. */
  readonly spool: Spool;
  readonly ship: ShipView;
  /** What the sources select; the loop switches to newer selectors at its seals. */
  readonly selection: EventSelection;
  readonly flushIntervalMs: number;
  readonly pollIntervalMs: number;
  readonly once: boolean;
  readonly logger: Logger;
  /** Called when records up to `sequence` are synced. */
  readonly onSealed: (sequence: number) => void;
  /** Called when the spool was found damaged: the loop does nothing more. */
  readonly onDamaged: (error: TailraceError) => void;
}

/** Sources that take over from those that a loop reads. */
export interface SourceExchange {
  /** Names of all sources from now on; those that vanish are reported ended. */
  readonly names: ReadonlySet<string>;
  /** True for a source that is read on as it is. */
  readonly isKept: (source: Source) => boolean;
  /** All sources from now on; called when everything before is sealed, so that new ones begin where old ones ended. */
  readonly make: (kept: readonly Source[]) => readonly Source[];
  readonly flushIntervalMs: number;
  readonly pollIntervalMs: number;
}

const HEARTBEAT_MS = 10_000;
/** Seals because of selected events are at least so far apart. */
const EVENT_WAIT_MS = 1000;
/** From this share of its limit on the spool takes no events, so that there is room for counts, which are never shed. */
const EVENTS_FILL_MAX = 0.85;
/** Likewise, raw lines: they are shed first. */
const LINES_FILL_MAX = 0.7;
/** How soon to ask again for records that are accepted but not yet applied. */
const APPLIED_POLL_MS = 1000;
const DISK_RETRY_MS = 1000;
/** So often files that came, went or were renamed are noticed; and no look follows on another one sooner. */
const MOVED_POLL_MS = 100;
/** What is received wakes the loop message by message: so long more of it is awaited. */
const RECEIVE_MS = 20;
/** A turn of one source; then the next one's. */
const READ_BYTES = 1024 * 1024;
/** Size of a batch at which it is sealed before its time. */
const BATCH_BYTES = 1024 * 1024;
/** What a window takes in a batch besides the buckets of its sketch; what a bucket takes. */
const WINDOW_BYTES = 64;
const BUCKET_BYTES = 4;
/** No line with a duration is shorter, and each adds one bucket at most. */
const LINE_BYTES_MIN = 40;

/** See the head of this file. */
export class ReadLoop {
  #options: ReadLoopOptions;
  readonly #wake: Wake;
  readonly #ledgers = new Map<string, readonly LedgerEntry[]>();
  /** Sealed, but not yet in the spool. */
  #unsealed: MadeBatch | undefined;
  #isStopping = false;
  #isDamaged = false;
  /** True when a source may have something to read: between a look and the next one files have nothing once they were read to their ends. */
  #isReadDue = true;
  #hasEnded = false;
  #readBytes = 0;
  #readBytesAtSeal = 0;
  #sealedAtMs: number;
  #flushedAtMs: number;
  /** Since when a selected event waits; Infinity when none does. */
  #eventsSinceMs = Number.POSITIVE_INFINITY;
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  #checkedAtMs = Number.NEGATIVE_INFINITY;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #turnCount = 0;
  #exchange:
    | { readonly exchange: SourceExchange; readonly settle: (isDone: boolean) => void }
    | undefined;
  /** Names of sources that will not be read any more. */
  #ending: ReadonlySet<string> = new Set();

  constructor(options: ReadLoopOptions) {
    this.#options = options;
    this.#wake = new Wake(options.platform.timers);
    this.#sealedAtMs = options.platform.clock.monotonic();
    this.#flushedAtMs = this.#sealedAtMs;
    const ledger = present(options.spool.state, "the state of the epoch").ledger();
    for (const { name } of options.sources) {
      this.#ledgers.set(
        name,
        ledger.filter((entry) => entry.source === name),
      );
    }
  }

  /** With `once`: true when all sources were read to their ends and that is sealed and synced. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Bytes read since the loop was made. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /** Rises as long as the loop goes round; it stands still while the loop waits for a new epoch. */
  get turnCount(): number {
    return this.#turnCount;
  }

  /**
   * Seals what was counted and goes on with other sources; resolves with true when their first look is taken, with false when the loop ended
   * before. A later call replaces one that still waits.
   */
  exchange(exchange: SourceExchange): Promise<boolean> {
    this.#exchange?.settle(false);
    return new Promise((resolve) => {
      this.#exchange = { exchange, settle: resolve };
      this.#wake.wake();
    });
  }

  /** Says that something changed that the loop looks at. */
  wake(): void {
    this.#wake.wake();
  }

  /** Runs until {@link stop}, then seals what is pending and closes the sources. Rejects only for a fault of this program. */
  async run(): Promise<void> {
    this.#listen();
    try {
      await this.#begin();
      while (!this.#isStopping) await this.#turn();
      for (const source of this.#options.sources) await source.drain?.();
      await this.#sealLast();
    } finally {
      this.#exchange?.settle(false);
      for (const source of this.#options.sources) await this.#close(source);
    }
  }

  #listen(): void {
    for (const source of this.#options.sources) source.listen?.(() => this.#wake.wake());
  }

  /** Carries {@link exchange} out as soon as the spool takes a batch. */
  async #exchangeSources(): Promise<void> {
    const { sources, spool } = this.#options;
    const waiting = this.#exchange;
    if (waiting === undefined || this.#unsealed !== undefined || spool.isFull) return;
    const { names, isKept, make, ...intervals } = waiting.exchange;
    this.#ending = new Set(sources.map(({ name }) => name).filter((name) => !names.has(name)));
    for (const source of sources) if (!isKept(source)) await source.drain?.();
    this.#cut(this.#ending.size > 0);
    await this.#append();
    if (this.#unsealed !== undefined || waiting !== this.#exchange) return;
    const kept = sources.filter(isKept);
    for (const source of sources) if (!isKept(source)) await this.#close(source);
    const state = present(spool.state, "the state of the epoch");
    const next = make(kept);
    this.#options = { ...this.#options, ...intervals, sources: next };
    const ledger = state.ledger();
    for (const { name } of next) {
      if (kept.some((source) => source.name === name)) continue;
      this.#ledgers.set(
        name,
        ledger.filter((entry) => entry.source === name),
      );
    }
    this.#listen();
    await this.#begin();
    // Another one may have been asked for meanwhile: it is next.
    if (this.#exchange === waiting) this.#exchange = undefined;
    waiting.settle(true);
  }

  async #close(source: Source): Promise<void> {
    try {
      await source.close();
    } catch (error) {
      // Nothing was written through these handles.
      if (systemCode(error) === undefined) throw error;
    }
  }

  /** Asks the loop to end; {@link run} resolves then. */
  stop(): void {
    this.#isStopping = true;
    this.#wake.wake();
  }

  /** The first look: where `start_at` put new sources has to be durable before a byte is read. */
  async #begin(): Promise<void> {
    const { sources, spool, logger } = this.#options;
    const state = present(spool.state, "the state of the epoch");
    await this.#discover();
    const fresh = sources.filter((source) => !state.hasSource(source.name));
    if (fresh.length === 0) return;
    for (const source of fresh) state.addSource(source.name, source.checkpoints());
    while (!this.#isStopping && !this.#isDamaged) {
      try {
        await spool.roll();
        return;
      } catch (error) {
        this.#takeDiskError(error);
        logger.warn("the start of new sources cannot be stored yet; nothing is read");
        await this.#wake.wait(DISK_RETRY_MS);
      }
    }
  }

  async #turn(): Promise<void> {
    this.#turnCount++;
    const { ship } = this.#options;
    if (this.#isDamaged || ship.isFenced) {
      await this.#wake.wait(Number.POSITIVE_INFINITY);
      return;
    }
    await this.#exchangeSources();
    if (await this.#isLookDue()) await this.#discover();
    if (!this.#isReadDue) {
      await this.#sealIfDue();
      this.#isReadDue = await this.#wait();
      return;
    }
    const wasAtLimit = this.#isAtLimit();
    const bytes = await this.#read();
    this.#noteEvents();
    await this.#sealIfDue();
    if (bytes > 0) return;
    const isWoken = await this.#wait();
    this.#isReadDue = isWoken || wasAtLimit;
  }

  /** Waits until something is due; resolves with true when it was woken. */
  async #wait(): Promise<boolean> {
    const isWoken = await this.#wake.wait(this.#untilNextMs());
    if (isWoken && !this.#isStopping) await this.#options.platform.timers.sleep(RECEIVE_MS);
    return isWoken;
  }

  /** At every poll, before a seal, so that it holds what is there by then, and as soon as files moved. */
  async #isLookDue(): Promise<boolean> {
    const { sources, platform, pollIntervalMs, spool } = this.#options;
    const nowMs = platform.clock.monotonic();
    const sinceMs = nowMs - this.#discoveredAtMs;
    if (sinceMs >= pollIntervalMs) return true;
    if (sinceMs < MOVED_POLL_MS) return false;
    const canSeal = this.#unsealed === undefined && !spool.isFull;
    if (canSeal && nowMs >= this.#dueMs()) return true;
    if (nowMs - this.#checkedAtMs < MOVED_POLL_MS) return false;
    this.#checkedAtMs = nowMs;
    for (const source of sources) if (await source.hasMoved()) return true;
    return false;
  }

  async #discover(): Promise<void> {
    const { sources, platform, logger } = this.#options;
    for (const source of sources) {
      try {
        await source.discover();
      } catch (error) {
        if (systemCode(error) === undefined) throw error;
        const detail = error instanceof Error ? error.message : String(error);
        logger.warn("looking for files failed; it is tried again", { source: source.name, detail });
      }
    }
    this.#discoveredAtMs = platform.clock.monotonic();
    this.#isReadDue = true;
  }

  /** One fair turn over all sources. */
  async #read(): Promise<number> {
    let bytes = 0;
    for (const source of this.#options.sources) {
      if (this.#isStopping || this.#isAtLimit()) break;
      const count = await source.read(READ_BYTES);
      bytes += count;
      this.#readBytes += count;
    }
    return bytes;
  }

  #noteEvents(): void {
    if (this.#eventsSinceMs < Number.POSITIVE_INFINITY) return;
    const { sources, platform } = this.#options;
    if (sources.some((source) => source.pendingEventBytes > 0)) {
      this.#eventsSinceMs = platform.clock.monotonic();
    }
  }

  /** True when what is pending fills a batch. */
  #isAtLimit(): boolean {
    let keys = 0;
    let buckets = 0;
    let otherBytes = 0;
    for (const source of this.#options.sources) {
      keys += source.pendingKeys;
      buckets += source.pendingBuckets;
      otherBytes += source.pendingEventBytes + source.pendingDetailBytes;
    }
    const lines = (this.#readBytes - this.#readBytesAtSeal) / LINE_BYTES_MIN;
    const bucketBytes = Math.min(buckets, lines) * BUCKET_BYTES;
    return keys * WINDOW_BYTES + bucketBytes + otherBytes >= BATCH_BYTES;
  }

  #isHeartbeatDue(nowMs: number): boolean {
    const { ship, once } = this.#options;
    if (ship.hasUnacknowledged) return false;
    if (ship.hasUnapplied) return nowMs - this.#sealedAtMs >= APPLIED_POLL_MS;
    // Who waits for the end takes every batch for progress.
    return !once && nowMs - this.#sealedAtMs >= HEARTBEAT_MS;
  }

  async #sealIfDue(): Promise<void> {
    const { platform, sources, once, spool } = this.#options;
    const nowMs = platform.clock.monotonic();
    if (this.#unsealed !== undefined) {
      if (nowMs >= this.#retryAtMs) await this.#append();
      return;
    }
    // The spool gives the brake: what is pending stays pending, and at its limit reading stops.
    if (spool.isFull) return;
    const isEnd = once && !this.#hasEnded && sources.every((source) => source.ended);
    const isForced = isEnd || this.#isHeartbeatDue(nowMs);
    const isDue = isForced || this.#isAtLimit() || nowMs >= this.#dueMs();
    if (!isDue) return;
    this.#cut(isForced);
    await this.#append();
    if (isEnd && this.#unsealed === undefined) this.#hasEnded = true;
  }

  /** When a seal is due although nothing fills a batch. */
  #dueMs(): number {
    const { flushIntervalMs, selection } = this.#options;
    // What the aggregator asks for now, it should not have to wait for.
    if (selection.hasNext) return Number.NEGATIVE_INFINITY;
    // Events are sealed right after the look that found them, but not more often than this.
    const eventsMs = Math.max(this.#eventsSinceMs, this.#flushedAtMs + EVENT_WAIT_MS);
    return Math.min(this.#flushedAtMs + flushIntervalMs, eventsMs);
  }

  /** The synchronous cut: everything counted since the last one, with the positions that it covers. */
  #cut(isForced: boolean): void {
    const { sources, spool, platform, selection } = this.#options;
    const isShedding = spool.fill > EVENTS_FILL_MAX;
    const isSheddingLines = spool.fill > LINES_FILL_MAX;
    const state = present(spool.state, "the state of the epoch");
    const cuts = sources.map((source) => {
      const ledgerBefore = this.#ledgers.get(source.name) ?? [];
      const cut = source.cut(isShedding, isSheddingLines);
      this.#ledgers.set(source.name, cut.ledger);
      if (!this.#ending.has(source.name)) return { ...cut, ledgerBefore };
      return { ...cut, ledgerBefore, report: { ...cut.report, state: "ended" as const } };
    });
    const seal = { sealedAtMs: platform.clock.now(), selectorRevision: selection.revision };
    const made = makeBatch(state, cuts, seal);
    selection.switch();
    this.#eventsSinceMs = Number.POSITIVE_INFINITY;
    this.#flushedAtMs = platform.clock.monotonic();
    this.#readBytesAtSeal = this.#readBytes;
    if (!made.isEmpty || isForced) this.#unsealed = made;
  }

  async #append(): Promise<void> {
    const { spool, onSealed, platform, logger } = this.#options;
    const made = this.#unsealed;
    if (made === undefined) return;
    try {
      await spool.append(made.batch, made.notes);
    } catch (error) {
      this.#takeDiskError(error);
      this.#retryAtMs = platform.clock.monotonic() + DISK_RETRY_MS;
      return;
    }
    if (this.#retryAtMs > Number.NEGATIVE_INFINITY) {
      logger.info("the spool can be written again");
      this.#retryAtMs = Number.NEGATIVE_INFINITY;
    }
    this.#unsealed = undefined;
    this.#sealedAtMs = platform.clock.monotonic();
    onSealed(spool.lastSequence);
  }

  /** Takes note of a failure of the disk; anything else is thrown on. */
  #takeDiskError(error: unknown): void {
    if (!(error instanceof TailraceError)) throw error;
    if (error.code === "SPOOL_CORRUPT") {
      this.#isDamaged = true;
      this.#options.onDamaged(error);
    } else if (this.#retryAtMs === Number.NEGATIVE_INFINITY) {
      this.#options.logger.warn(error.message, { code: error.code });
    }
  }

  /** Seals what is pending. When that fails nothing is lost: it is read again from the files. */
  async #sealLast(): Promise<void> {
    const { spool, ship } = this.#options;
    if (this.#isDamaged || ship.isFenced) return;
    if (this.#unsealed !== undefined) await this.#append();
    if (this.#unsealed !== undefined || spool.isFull) return;
    this.#cut(false);
    await this.#append();
  }

  #untilNextMs(): number {
    const { platform, pollIntervalMs, spool } = this.#options;
    const nowMs = platform.clock.monotonic();
    const movedMs = Math.max(this.#discoveredAtMs, this.#checkedAtMs) + MOVED_POLL_MS;
    const dueMs = [this.#discoveredAtMs + pollIntervalMs, movedMs];
    if (this.#unsealed !== undefined) dueMs.push(this.#retryAtMs);
    else if (!spool.isFull) dueMs.push(this.#dueMs());
    return Math.max(0, Math.min(...dueMs) - nowMs);
  }
}
