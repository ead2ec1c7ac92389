/**
 * A source of lines that come once: standard input, the network, the journal, measurements of this host.
 *
 * It has one checkpoint: how many bytes it ever took, and where a sender that can begin again goes on. Both travel in the record that has the
 * counts. A sender that cannot begin again (standard input, UDP, TCP) sends what was received and not yet sealed when the agent dies to nobody;
 * one that can (the journal) is asked for it again, so that nothing is lost or counted twice.
 */
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Clock } from "../../shared/platform/clock.ts";
import type { Checkpoint, LedgerEntry, SourceState } from "../../shared/protocol/batch.ts";
import type { LineFeed } from "./line-feed.ts";
import type { LineContext, LineSink } from "./line-sink.ts";
import type { Source, SourceCut } from "./source.ts";
import { SourceLedger } from "./source-ledger.ts";

/** Everything that a live source needs. */
export interface LiveSourceOptions {
  readonly name: string;
  readonly feed: LineFeed;
  readonly counter: LineSink;
  readonly clock: Clock;
  /** Last known checkpoints; those of other sources are ignored. */
  readonly checkpoints: readonly Checkpoint[];
  /** Last known ledger; entries of other sources are ignored. */
  readonly ledger: readonly LedgerEntry[];
  /** Gives a number that no file of this agent ever had. */
  readonly allocateFile: () => number;
  /** Service of events that name none. */
  readonly service: string;
  /** An event of several lines waits so long for more. */
  readonly eventWaitMs: number;
  /** Without anything new for so long the source is reported idle. */
  readonly idleAfterMs: number;
  /** Events further ahead of the clock do not move the event time of the report. */
  readonly maxFutureMs: number;
  /** True when the source ends with its feed. */
  readonly once: boolean;
  readonly logger: Logger;
}

const RETRY_MS = 5000;
const DRAIN_BYTES = 1024 * 1024;

/** See the head of the file. */
export class LiveSource implements Source {
  readonly name: string;
  readonly #options: LiveSourceOptions;
  readonly #ledger: SourceLedger;
  #file: number | undefined;
  #position = "";
  #offset = 0;
  #batchFrom = 0;
  #isChanged = false;
  #isOpen = false;
  #isClosed = false;
  /** True when the last look at the feed found that nothing follows. */
  #isAtEnd = false;
  #retryAtMs = Number.NEGATIVE_INFINITY;
  #problem = "";
  #progressAtMs: number;
  #wake: () => void = () => undefined;
  /** Whole lines of an event that may go on, and when the last of them came. */
  #event: Buffer = Buffer.alloc(0);
  #eventAtMs = 0;
  /** The end of what was counted, as much as tells what further lines are. */
  #before: Buffer = Buffer.alloc(0);
  /** Where the sender goes on behind the event that waits. */
  #nextPosition: string | undefined;

  constructor(options: LiveSourceOptions) {
    this.name = options.name;
    this.#options = options;
    this.#ledger = new SourceLedger(options.name, options.ledger);
    this.#progressAtMs = options.clock.monotonic();
    const known = options.checkpoints.find(
      // A file always has a device: the name was another kind of source's before.
      ({ source, device, removed }) => source === options.name && device === "" && !removed,
    );
    if (known === undefined) return;
    this.#file = known.file;
    this.#position = known.inode;
    this.#offset = known.offset;
    this.#batchFrom = known.offset;
    // What a recovery would have read again is gone with whoever sent it.
    for (const { from, to } of known.held) {
      this.#ledger.add("lost", "cannot_be_repeated", 0, to - from);
      this.#isChanged = true;
    }
  }

  get pendingKeys(): number {
    return this.#options.counter.pendingKeys;
  }

  get pendingBuckets(): number {
    return this.#options.counter.pendingBuckets;
  }

  get pendingEventBytes(): number {
    return this.#options.counter.pendingEventBytes ?? 0;
  }

  get pendingDetailBytes(): number {
    return this.#options.counter.pendingDetailBytes ?? 0;
  }

  get backlogBytes(): number {
    return this.#options.feed.waitingBytes + this.#event.length;
  }

  get openFileCount(): number {
    return this.#isOpen ? 1 : 0;
  }

  get ended(): boolean {
    return this.#options.once && this.#isAtEnd && this.backlogBytes === 0;
  }

  get unreadableCount(): number {
    return 0;
  }

  listen(wake: () => void): void {
    this.#wake = wake;
  }

  async discover(): Promise<void> {
    const { feed, clock, allocateFile, logger } = this.#options;
    if (this.#isClosed || clock.monotonic() < this.#retryAtMs) return;
    try {
      if (this.#isOpen) await feed.tend();
      else {
        const position = await feed.open(this.#position, () => this.#wake());
        if (this.#file === undefined || position !== this.#position) this.#isChanged = true;
        this.#file ??= allocateFile();
        this.#position = position;
        this.#isOpen = true;
      }
      if (this.#problem !== "") logger.info("source can be read again", { source: this.name });
      this.#problem = "";
    } catch (error) {
      const isKnown = error instanceof TailraceError || systemCode(error) !== undefined;
      if (!isKnown || !(error instanceof Error)) throw error;
      this.#retryAtMs = clock.monotonic() + RETRY_MS;
      if (error.message === this.#problem) return;
      this.#problem = error.message;
      logger.warn(`${error.message}; it is tried again`, { source: this.name });
    }
  }

  /** What is received tells by itself. */
  async hasMoved(): Promise<boolean> {
    return false;
  }

  async read(bytesMax: number): Promise<number> {
    if (!this.#isOpen || this.#isClosed || this.#options.counter.isFull === true) return 0;
    return this.#take(bytesMax);
  }

  /** Counts all that was received, even where a counter is full of events: nobody sends it again. */
  async drain(): Promise<void> {
    if (!this.#isOpen || this.#isClosed) return;
    do this.#take(DRAIN_BYTES);
    while (this.#options.feed.waitingBytes > 0);
    this.#countEvent();
    this.#move(this.#nextPosition);
  }

  cut(isShedding = false, isSheddingLines = isShedding): SourceCut {
    const counted = this.#options.counter.take(isShedding, isSheddingLines);
    for (const entry of counted.entries) {
      this.#ledger.add(entry.kind, entry.reason, entry.lines, entry.bytes);
    }
    const checkpoints = this.#isChanged
      ? this.checkpoints().map((found) => ({ ...found, from: this.#batchFrom }))
      : [];
    this.#isChanged = false;
    this.#batchFrom = this.#offset;
    const { deltas, events = [], holes = [], lines = [], eventTimeMaxMs } = counted;
    const report = { source: this.name, state: this.#state(), eventTimeMaxMs };
    const ledger = this.#ledger.entries(0);
    return { deltas, events, holes, lines, checkpoints, report, ledger };
  }

  checkpoints(): Checkpoint[] {
    if (this.#file === undefined) return [];
    return [
      {
        ...{ source: this.name, file: this.#file, path: this.#options.feed.path },
        ...{ device: "", inode: this.#position, birthMs: undefined, generation: 0 },
        ...{ fingerprintBytes: 0, fingerprint: "", guardBytes: 0, guard: 0 },
        ...{ offset: this.#offset, from: this.#offset, modifiedMs: undefined, held: [] },
        ...{ unterminated: false, complete: false, removed: false },
      },
    ];
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#options.feed.close();
  }

  #take(bytesMax: number): number {
    const { feed, clock, counter } = this.#options;
    const { bytes, refused, position } = feed.take(bytesMax);
    for (const { kind, reason, lines, bytes: refusedBytes } of refused) {
      this.#ledger.add(kind, reason, lines, refusedBytes);
      if (kind === "rejected") this.#advance(refusedBytes);
    }
    const nowMs = clock.monotonic();
    if (bytes.length > 0) {
      this.#progressAtMs = nowMs;
      this.#eventAtMs = nowMs;
      const from = this.#before.length;
      const all = joined([this.#before, this.#event, bytes]);
      const context = this.#context();
      const found = counter.pendingFrom?.(all, from, all.length, context) ?? all.length;
      const isWaiting = all.length - found <= (counter.eventBytesMax ?? 0);
      const to = isWaiting ? found : all.length;
      this.#count(all, from, to);
      this.#event = Buffer.from(all.subarray(to));
    }
    this.#nextPosition = position ?? this.#nextPosition;
    const isLate = nowMs - this.#eventAtMs >= this.#options.eventWaitMs && !this.#isUnfinished();
    const isOver = isLate || feed.hasEnded;
    if (isOver && feed.waitingBytes === 0) this.#countEvent();
    this.#isAtEnd = feed.hasEnded;
    // An event that waits is not counted yet: who begins again sends it again.
    if (this.#event.length === 0) this.#move(this.#nextPosition);
    return bytes.length;
  }

  #state(): SourceState {
    if (this.ended) return "ended";
    const idleMs = this.#options.clock.monotonic() - this.#progressAtMs;
    return idleMs >= this.#options.idleAfterMs ? "idle" : "live";
  }

  #context(): LineContext {
    const { service, clock, maxFutureMs } = this.#options;
    return {
      service,
      eventTimeLimitMs: clock.now() + maxFutureMs,
      file: this.#file ?? 0,
      generation: 0,
      offset: this.#offset,
      path: this.#options.feed.path,
      fileStart: this.#offset === 0,
      follows: false,
    };
  }

  #countEvent(): void {
    const all = joined([this.#before, this.#event]);
    const from = this.#before.length;
    this.#event = Buffer.alloc(0);
    this.#count(all, from, all.length);
  }

  /** True while more of a line that was cut must follow. */
  #isUnfinished(): boolean {
    const { counter } = this.#options;
    const { length } = this.#event;
    return length > 0 && counter.isUnfinished?.(this.#event, 0, length, this.#file ?? 0) === true;
  }

  /** Counts the whole lines `buffer[from, to)`; what stands before them was counted. */
  #count(buffer: Buffer, from: number, to: number): void {
    if (from === to) return;
    const { counter } = this.#options;
    counter.count(buffer, from, to, this.#context());
    const lookBackBytes = counter.lookBackBytes?.(this.#file ?? 0) ?? 0;
    // The line feed before the first line that is looked back at proves where that begins.
    const beforeFrom = lookBackBytes === 0 ? to : Math.max(0, to - lookBackBytes - 1);
    this.#before = Buffer.from(buffer.subarray(beforeFrom, to));
    this.#advance(to - from);
  }

  #advance(bytes: number): void {
    this.#offset += bytes;
    this.#isChanged = true;
  }

  #move(position: string | undefined): void {
    if (position === undefined || position === this.#position) return;
    this.#position = position;
    this.#isChanged = true;
  }
}

/** Bytes one after the other; of a single piece no copy is made. */
function joined(pieces: readonly Buffer[]): Buffer {
  const filled = pieces.filter((piece) => piece.length > 0);
  const [only = Buffer.alloc(0)] = filled;
  return filled.length < 2 ? only : Buffer.concat(filled);
}
