const LINE_FEED = 10;

/** Consecutive bytes of a buffer that belong together: whole lines to count, or one line that is too long. */
export interface LineRun {
  readonly isTooLong: boolean;
  readonly from: number;
  /** After the line feed of the last line. */
  readonly to: number;
}

/** What was found in a part of a buffer. */
export interface SplitLines {
  /** In order, without gaps. */
  readonly runs: readonly LineRun[];
  /** Where the line begins that no line feed ends; equal to `to` when there is none. */
  readonly restFrom: number;
}

/** Position of the first line feed in `buffer[from, to)`, or -1. */
export function findLineFeed(buffer: Buffer, from: number, to: number): number {
  const at = buffer.subarray(from, to).indexOf(LINE_FEED);
  return at < 0 ? -1 : from + at;
}

/** Position of the last line feed in `buffer[from, to)`, or -1. */
export function findLastLineFeed(buffer: Buffer, from: number, to: number): number {
  const at = buffer.subarray(from, to).lastIndexOf(LINE_FEED);
  return at < 0 ? -1 : from + at;
}

/**
 * Splits `buffer[from, to)`, which begins where a line begins, into runs of whole lines. A line whose bytes without the line feed are
 * more than `lineBytesMax` is a run of its own. Lines are not looked at one by one: a jump of `lineBytesMax` back to the last line feed
 * proves that no line between is too long, so a buffer shorter than the limit costs one search from its end.
 */
export function splitLines(
  buffer: Buffer,
  from: number,
  to: number,
  lineBytesMax: number,
): SplitLines {
  const restFrom = findLastLineFeed(buffer, from, to) + 1;
  if (restFrom === 0) return { runs: [], restFrom: from };
  const runs: LineRun[] = [];
  let runFrom = from;
  let at = from;
  while (at < restFrom) {
    const lineFeed = findLastLineFeed(buffer, at, Math.min(at + lineBytesMax + 1, restFrom));
    if (lineFeed >= 0) {
      at = lineFeed + 1;
      continue;
    }
    if (runFrom < at) runs.push({ isTooLong: false, from: runFrom, to: at });
    const end = findLineFeed(buffer, at, restFrom) + 1;
    runs.push({ isTooLong: true, from: at, to: end });
    runFrom = end;
    at = end;
  }
  if (runFrom < restFrom) runs.push({ isTooLong: false, from: runFrom, to: restFrom });
  return { runs, restFrom };
}
