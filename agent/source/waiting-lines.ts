import type { RefusedLines, TakenLines } from "./line-feed.ts";

interface WaitingPart {
  /** Empty for a refusal. */
  readonly bytes: Buffer;
  readonly position: string | undefined;
  readonly refused?: RefusedLines;
}

/** What a part takes in memory beside its bytes: without that, a flood of empty datagrams would have no limit. */
const PART_HEAD_BYTES = 128;

/** Whole lines that were received and wait to be counted, within a limit. */
export class WaitingLines {
  readonly #bytesMax: number;
  readonly #wake: () => void;
  #parts: WaitingPart[] = [];
  #refused = new Map<string, RefusedLines>();
  #bytes = 0;
  #drained: PromiseWithResolvers<void> | undefined;

  /** `bytesMax` covers what the lines take in memory. `wake` is called when lines came. */
  constructor(bytesMax: number, wake: () => void) {
    this.#bytesMax = bytesMax;
    this.#wake = wake;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** True when no more should be received for now. */
  get isFull(): boolean {
    return this.#bytes + this.#parts.length * PART_HEAD_BYTES >= this.#bytesMax;
  }

  /** Adds whole lines; the buffer belongs to it from now on. `position`: where the sender goes on behind them. */
  add(bytes: Buffer, position?: string): void {
    if (bytes.length === 0) return;
    this.#parts.push({ bytes, position });
    this.#bytes += bytes.length;
    this.#wake();
  }

  /** Notes what is no line to count. With a position behind it, it is taken in its place among the lines. */
  refuse(refused: RefusedLines, position?: string): void {
    if (position === undefined) this.#addRefused(refused);
    else this.#parts.push({ bytes: Buffer.alloc(0), position, refused });
    this.#wake();
  }

  #addRefused(refused: RefusedLines): void {
    const key = `${refused.kind} ${refused.reason}`;
    const known = this.#refused.get(key);
    const lines = refused.lines + (known?.lines ?? 0);
    this.#refused.set(key, { ...refused, lines, bytes: refused.bytes + (known?.bytes ?? 0) });
  }

  /** As {@link LineFeed.take}. */
  take(bytesMax: number): TakenLines {
    let length = 0;
    let count = 0;
    let position: string | undefined;
    for (const part of this.#parts) {
      if (count > 0 && length + part.bytes.length > bytesMax) break;
      length += part.bytes.length;
      position = part.position ?? position;
      if (part.refused !== undefined) this.#addRefused(part.refused);
      count++;
    }
    const parts = this.#parts.splice(0, count).map(({ bytes }) => bytes);
    const taken = parts.filter((bytes) => bytes.length > 0);
    this.#bytes -= length;
    const refused = [...this.#refused.values()];
    this.#refused.clear();
    if (!this.isFull) this.#release();
    const [only] = taken;
    const bytes = only !== undefined && taken.length === 1 ? only : Buffer.concat(taken);
    return { bytes, refused, position };
  }

  /** Resolves when there is room again; undefined when there is. */
  room(): Promise<void> | undefined {
    if (!this.isFull) return undefined;
    this.#drained ??= Promise.withResolvers();
    return this.#drained.promise;
  }

  /** Lets go whoever waits for room: nothing is taken any more. */
  close(): void {
    this.#release();
  }

  #release(): void {
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}
