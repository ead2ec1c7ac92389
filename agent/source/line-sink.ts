import type { Delta, LedgerKind } from "../../shared/protocol/batch.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";

/** What a source tells with the lines of one call. */
export interface LineContext {
  /** Service of events that name none. */
  readonly service: string;
  /** Events later than this do not move the highest event time. */
  readonly eventTimeLimitMs: number;
  /** Number of the file that the lines stem from. */
  readonly file: number;
  readonly generation: number;
  /** Position in the file of the call's first byte. */
  readonly offset: number;
  /** Path where the file was first seen. */
  readonly path: string;
  /** True when the bytes are the first of the file. */
  readonly fileStart: boolean;
  /** True when the file goes on where another one ended: its first lines may belong to an event there. */
  readonly follows: boolean;
}

/** What a source needs of a line counter: it takes whole lines and hands over what they came to. */
export interface LineSink {
  /** Counts `buffer[from, to)`: whole lines. The bytes are not kept. */
  count(buffer: Buffer, from: number, to: number, context: LineContext): void;
  /** Where the last event of whole lines begins, when further lines may belong to it; `to` when they cannot. Absent: they never can. */
  pendingFrom?(buffer: Buffer, from: number, to: number, context: LineContext): number;
  /** Where the first lines end that go on with an event before. Absent: every line begins one. */
  leadingTo?(buffer: Buffer, from: number, to: number, context: LineContext): number;
  /**
   * So many bytes before the first one of a call tell with it what lines are: they have to stand before `from` in the buffer, or all of the file
   * that there are. Absent or 0: none.
   */
  lookBackBytes?(file: number): number;
  /** True when the event `buffer[from, to)` ends with a line that was cut, so that more must follow. Absent: that can never be told. */
  isUnfinished?(buffer: Buffer, from: number, to: number, file: number): boolean;
  /** What of an event is looked at, in bytes; absent or 0: there are no events of several lines. */
  readonly eventBytesMax?: number;
  /** Where lines are best read to: there they are counted without a copy. Counting what lies elsewhere overwrites it. Absent: anywhere. */
  readonly readBuffer?: Buffer | undefined;
  /** Counts one line that no line feed ends. */
  countUnterminated(line: Buffer, context: LineContext): void;
  /** Count of windows that wait for the next {@link take}. */
  readonly pendingKeys: number;
  /** At most how many buckets of sketches these windows have. */
  readonly pendingBuckets: number;
  /** About what measures and sample lines of these windows, and raw lines, take in a batch; absent where there are none. */
  readonly pendingDetailBytes?: number | undefined;
  /** Size of the selected events that wait; absent where none are selected. */
  readonly pendingEventBytes?: number;
  /** True when so many selected events wait that no more should be read; absent where none are selected. */
  readonly isFull?: boolean;
  /** Takes everything counted since the last take. `isShedding`: selected events are not sent; `isSheddingLines`: raw lines are not. */
  take(
    isShedding: boolean,
    isSheddingLines?: boolean,
  ): {
    readonly deltas: Delta[];
    readonly entries: readonly {
      readonly kind: LedgerKind;
      readonly reason: string;
      readonly lines: number;
      readonly bytes: number;
    }[];
    readonly eventTimeMaxMs: number | undefined;
    /** Absent where none are selected. */
    readonly events?: readonly SelectedEvent[];
    readonly holes?: readonly Hole[];
    readonly lines?: readonly SelectedLine[];
  };
}
