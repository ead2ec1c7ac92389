import type { ReadableFile } from "../../shared/platform/disk.ts";
import type { LineBuffer } from "./line-buffer.ts";

const LINE_FEED = 0x0a;
/** Read at a time behind the end of a range: most lines that reach over it end soon. */
const TAIL_BYTES = 16 * 1024;

/** The lines of a file that begin in `[from, to)`: neighbouring ranges share no line, however long, and miss none. */
export interface LineRange {
  readonly from: number;
  /** Infinity: up to the end of the file, wherever that is when it is reached. */
  readonly to: number;
}

/**
 * Where the first line begins that belongs to a range; undefined when none does, because a longer line or the file ends behind it. `room` is where
 * bytes are read to.
 */
export async function firstLineOf(
  file: ReadableFile,
  { from, to }: LineRange,
  room: Buffer,
): Promise<number | undefined> {
  if (from === 0) return 0;
  // The byte before the range tells whether a line begins with its first one.
  for (let position = from - 1; position < to - 1; ) {
    const length = Math.min(TAIL_BYTES, room.length, to - 1 - position);
    const bytes = await file.read(room, 0, length, position);
    if (bytes === 0) return undefined;
    const lineFeed = room.subarray(0, bytes).indexOf(LINE_FEED);
    if (lineFeed >= 0) return position + lineFeed + 1;
    position += bytes;
  }
  return undefined;
}

/** How a range is read. */
export interface RangeOptions {
  readonly file: ReadableFile;
  /** Where the first line of the range begins: see {@link firstLineOf}. */
  readonly first: number;
  readonly to: number;
  /** Nothing was put into it yet. */
  readonly lines: LineBuffer;
  /** Called after each piece with its bytes; the next one is read when it resolves. */
  readonly onRead: (bytes: number) => Promise<void>;
  readonly signal: AbortSignal;
}

/** Reads the lines of a range into `lines`, or until `signal` aborts. Fails with the system's error; lines before it were handed over. */
export async function readRange(options: RangeOptions): Promise<void> {
  const { file, first, to, lines, onRead, signal } = options;
  for (let position = first, isDone = false; !isDone; ) {
    const room = lines.room();
    const length = Math.min(room.length, position < to ? to - position : TAIL_BYTES);
    let bytes = await file.read(room, 0, length, position);
    if (bytes === 0) break;
    // The first line that ends with the last byte of the range, or behind it, is the last one.
    const lastByte = Math.max(0, to - 1 - position);
    const lineFeed = lastByte < bytes ? room.subarray(0, bytes).indexOf(LINE_FEED, lastByte) : -1;
    if (lineFeed >= 0) {
      bytes = lineFeed + 1;
      isDone = true;
    }
    lines.filled(bytes);
    position += bytes;
    await onRead(bytes);
    if (signal.aborted) return;
  }
  lines.end();
}
