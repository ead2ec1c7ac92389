const LINE_FEED = 0x0a;

/** Where a line stands: its bytes are `[from, to)`, its line feed not included. */
export interface LinePlace {
  readonly from: number;
  readonly to: number;
}

/**
 * The lines of `buffer[from, to)` that hold one of `needles`, in their order; all lines when there are no needles. The text begins where a
 * line begins; its last line may end without a line feed.
 */
export function* candidateLines(
  buffer: Buffer,
  from: number,
  to: number,
  needles: readonly Buffer[] | undefined,
): Generator<LinePlace> {
  const text = buffer.subarray(0, to);
  const hits = needles?.map(() => -1) ?? [];
  let at = from;
  while (at < to) {
    let hit = at;
    if (needles !== undefined) {
      hit = nextHit(text, at, needles, hits);
      if (hit === Number.POSITIVE_INFINITY) return;
    }
    const end = text.indexOf(LINE_FEED, hit);
    const lineTo = end < 0 ? to : end;
    const lineFrom = needles === undefined ? at : lineStart(text, at, hit);
    yield { from: lineFrom, to: lineTo };
    at = lineTo + 1;
  }
}

/** Position of the first needle at or behind `at`; `hits` remembers where each one stands next. */
function nextHit(text: Buffer, at: number, needles: readonly Buffer[], hits: number[]): number {
  let first = Number.POSITIVE_INFINITY;
  for (let index = 0; index < needles.length; index++) {
    let hit = hits[index] ?? -1;
    const needle = needles[index];
    if (hit < at && needle !== undefined) {
      const found = text.indexOf(needle, at);
      hit = found < 0 ? Number.POSITIVE_INFINITY : found;
      hits[index] = hit;
    }
    if (hit < first) first = hit;
  }
  return first;
}

function lineStart(text: Buffer, from: number, hit: number): number {
  return Math.max(from, text.lastIndexOf(LINE_FEED, hit) + 1);
}
