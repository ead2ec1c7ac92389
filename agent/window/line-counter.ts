/**
 * What turns whole lines into counts. Sources feed bytes and never look into them; a counter knows the format and never does I/O.
 * Two kinds exist: one driven by any parser, and kernels that scan JSON and lines of text without building an object per line.
 */
import type { Delta, LedgerKind } from "../../shared/protocol/batch.ts";

/** What belongs to one call rather than to the counter. */
export interface CountContext {
  /** Service of events that name none. */
  readonly service: string;
  /**
   * Events later than this count in their window and are noted `clock_ahead`, but do not move {@link Counted.eventTimeMaxMs}.
   * Infinity: no limit.
   */
  readonly eventTimeLimitMs: number;
  /** Number of the file that the lines stem from: `auto` decides for each file by itself. Absent: one decision for all such calls. */
  readonly file?: number;
  /** Generation of that file. */
  readonly generation?: number;
  /** Position in the file of the call's first byte. */
  readonly offset?: number;
  /** Path where the file was first seen: labels stand in it. */
  readonly path?: string;
  /** True when the bytes are the first of a file: a UTF-8 byte order mark there is no part of the line (its bytes count with it). */
  readonly fileStart?: boolean;
  /** True when the bytes go on where another file ended: lines at the beginning of a file may belong to an event there. */
  readonly follows?: boolean;
  /** Called for each rejected line with the reason and the position in `buffer` where the line begins. */
  readonly onRejected?: (reason: string, position: number) => void;
}

/** Lines and bytes for the ledger, all of one kind and reason. `noted` entries stand beside the balance. */
export interface CountedEntry {
  readonly kind: LedgerKind;
  /** Empty for `aggregated`. */
  readonly reason: string;
  readonly lines: number;
  /** Line ends included. */
  readonly bytes: number;
}

/** Everything counted between two takes. */
export interface Counted {
  /** One per stream, service, minute and dimensions; the taker owns the aggregates. */
  readonly deltas: Delta[];
  /** One per kind and reason; only those with lines. */
  readonly entries: CountedEntry[];
  /** Highest event time that was not beyond the call's limit; undefined when there was none. */
  readonly eventTimeMaxMs: number | undefined;
}

/** Counts lines. Synchronous, without I/O, clock or randomness; never throws because of what a line holds. */
export interface LineCounter {
  /**
   * Counts whole lines: `buffer[from, to)` begins where a line begins and ends after a line feed (or is empty).
   * The bytes are not kept: the caller may overwrite them after the call.
   */
  count(buffer: Buffer, from: number, to: number, context: CountContext): void;
  /**
   * Where the last event of the whole lines `buffer[from, to)` begins, when further lines may belong to it; `to` when they cannot. Absent: they
   * never can. Who calls {@link count} for whole events only gets their whole text; counts are the same anyway.
   */
  pendingFrom?(buffer: Buffer, from: number, to: number, context: CountContext): number;
  /** Where the lines end that begin `buffer[from, to)` and go on with an event before; absent: every line begins one. */
  leadingTo?(buffer: Buffer, from: number, to: number, context: CountContext): number;
  /**
   * So many bytes before the first one of a call tell with it what lines are: they have to stand before `from` in the buffer, or all of the file
   * that there are. Absent or 0: none.
   */
  lookBackBytes?(file: number): number;
  /** True when the event `buffer[from, to)` ends with a line that was cut, so that more must follow. Absent: that can never be told. */
  isUnfinished?(buffer: Buffer, from: number, to: number, file: number): boolean;
  /** What of an event is looked at, in bytes: for longer ones nobody needs to wait. Absent or 0: there are no events of several lines. */
  readonly eventBytesMax?: number;
  /** Counts one line that no line feed ends, such as the last one of a finished file. An empty line counts nothing. */
  countUnterminated(line: Buffer, context: CountContext): void;
  /**
   * Where to read lines to, if the reader likes: what lies there is counted without a copy. A call of {@link count} with another buffer
   * overwrites it. Undefined: any buffer is as good.
   */
  readonly readBuffer?: Buffer | undefined;
  /** Count of windows that wait for the next {@link take}: for the rule when to seal. */
  readonly pendingKeys: number;
  /** At most how many buckets of sketches these windows have. */
  readonly pendingBuckets: number;
  /** About what measures and sample lines of these windows take in a batch; absent where there are none. */
  readonly pendingDetailBytes?: number | undefined;
  /** Count of all lines since the counter was made; takes do not reset it. */
  readonly lineCount: number;
  /** Takes everything counted since the last take and starts anew. */
  take(): Counted;
}
