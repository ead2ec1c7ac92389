import type { LineContext, LineSink } from "../../../../agent/source/line-sink.ts";
import {
  eventPlaces,
  lastEventFrom,
  leadingLinesTo,
} from "../../../../agent/window/event-lines.ts";
import type { LineStart, WrappedLines } from "../../../../shared/events/parser.ts";
import type { LedgerKind } from "../../../../shared/protocol/batch.ts";

/** A line sink that keeps events of several lines, so that a test can recount them. */
export class JoiningSink implements LineSink {
  /** Events since the last take, without their last line end. */
  lines: string[] = [];
  readonly contexts: LineContext[] = [];
  readonly eventBytesMax: number;
  private readonly begins: LineStart;
  private readonly wrapped: WrappedLines | undefined;
  private readonly sides = new Map<string, { lines: number; bytes: number }>();

  /** Which lines begin an event is told by the line alone, or by what tells it of lines that are an envelope. */
  constructor(begins: ((line: string) => boolean) | WrappedLines, eventBytesMax: number) {
    this.wrapped = typeof begins === "function" ? undefined : begins;
    this.begins =
      typeof begins === "function"
        ? (buffer, from, to) => begins(buffer.toString("latin1", from, to))
        : begins.begins;
    this.eventBytesMax = eventBytesMax;
  }

  lookBackBytes(): number {
    return this.wrapped?.lookBackBytes ?? 0;
  }

  isUnfinished(buffer: Buffer, from: number, to: number): boolean {
    return this.wrapped?.isUnfinished(buffer, from, to) ?? false;
  }

  get pendingKeys(): number {
    return this.lines.length;
  }

  get pendingBuckets(): number {
    return 0;
  }

  pendingFrom(buffer: Buffer, from: number, to: number): number {
    return lastEventFrom(buffer, from, to, this.begins);
  }

  leadingTo(buffer: Buffer, from: number, to: number): number {
    return leadingLinesTo(buffer, from, to, this.begins);
  }

  count(buffer: Buffer, from: number, to: number, context: LineContext): void {
    this.contexts.push(context);
    const lines = {
      ...{ begins: this.begins, bytesMax: this.eventBytesMax },
      ...{ isByParser: true, lookBackBytes: 0 },
    };
    const lead = leadingLinesTo(buffer, from, to, this.begins);
    const isOrphan = context.fileStart && !context.follows;
    this.add(isOrphan ? "rejected/unparsed" : "filtered/joined", buffer, from, lead);
    for (const place of eventPlaces(buffer, from, to, lines)) {
      this.lines.push(buffer.toString("latin1", place.from, place.to));
    }
    let at = lead;
    while (at < to) {
      const end = buffer.indexOf("\n", at);
      const next = end < 0 || end >= to ? to : end + 1;
      const isFirst = this.begins(buffer, at, end < 0 ? to : end);
      this.add(isFirst ? "aggregated/" : "filtered/joined", buffer, at, next);
      at = next;
    }
  }

  countUnterminated(line: Buffer, context: LineContext): void {
    this.count(line, 0, line.length, context);
  }

  take() {
    this.lines = [];
    const entries = [...this.sides].map(([side, counts]) => {
      const [kind = "", reason = ""] = side.split("/");
      const known: LedgerKind = kind === "aggregated" || kind === "filtered" ? kind : "rejected";
      return { kind: known, reason, ...counts };
    });
    this.sides.clear();
    return { deltas: [], entries, eventTimeMaxMs: undefined };
  }

  private add(side: string, buffer: Buffer, from: number, to: number): void {
    if (from === to) return;
    const counts = this.sides.get(side) ?? { lines: 0, bytes: 0 };
    counts.lines += buffer.toString("latin1", from, to).trimEnd().split("\n").length;
    counts.bytes += to - from;
    this.sides.set(side, counts);
  }
}
