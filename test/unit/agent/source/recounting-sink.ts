import type { LineContext, LineSink } from "../../../../agent/source/line-sink.ts";

/** A line sink that keeps every line, so that a test can recount them. */
export class RecountingSink implements LineSink {
  /** Lines since the last take, without their ends. */
  lines: string[] = [];
  /** Contexts of all calls. */
  readonly contexts: LineContext[] = [];
  private bytes = 0;

  get pendingKeys(): number {
    return this.lines.length;
  }

  get pendingBuckets(): number {
    return 0;
  }

  count(buffer: Buffer, from: number, to: number, context: LineContext): void {
    this.contexts.push(context);
    if (to > from && buffer[to - 1] !== 10) throw new Error("a call does not end with a line feed");
    const lines = buffer.toString("latin1", from, to).split("\n").slice(0, -1);
    for (const line of lines) this.lines.push(line);
    this.bytes += to - from;
  }

  countUnterminated(line: Buffer, context: LineContext): void {
    this.contexts.push(context);
    this.lines.push(line.toString("latin1"));
    this.bytes += line.length;
  }

  take() {
    const { lines, bytes } = this;
    this.lines = [];
    this.bytes = 0;
    const entry = { kind: "aggregated" as const, reason: "", lines: lines.length, bytes };
    return { deltas: [], entries: lines.length > 0 ? [entry] : [], eventTimeMaxMs: undefined };
  }
}
