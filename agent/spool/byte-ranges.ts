/** Sets of bytes as lists of half-open ranges: ascending, disjoint, not touching, none empty. */
import type { ByteRange } from "../../shared/protocol/batch.ts";

/** The bytes in any of `ranges`, which may come in any order, touch and overlap. */
export function unionRanges(...lists: readonly (readonly ByteRange[])[]): ByteRange[] {
  const all = lists.flat().filter((range) => range.from < range.to);
  all.sort((a, b) => a.from - b.from);
  const union: { from: number; to: number }[] = [];
  for (const range of all) {
    const last = union.at(-1);
    if (last !== undefined && range.from <= last.to) last.to = Math.max(last.to, range.to);
    else union.push({ from: range.from, to: range.to });
  }
  return union;
}

/** The bytes of `ranges` that are not in `taken`. Both are sets as this file means them. */
export function subtractRanges(
  ranges: readonly ByteRange[],
  taken: readonly ByteRange[],
): ByteRange[] {
  const rest: ByteRange[] = [];
  for (const range of ranges) {
    let from = range.from;
    for (const hole of taken) {
      if (hole.to <= from || hole.from >= range.to) continue;
      if (hole.from > from) rest.push({ from, to: hole.from });
      from = Math.max(from, hole.to);
    }
    if (from < range.to) rest.push({ from, to: range.to });
  }
  return rest;
}

/** States whether two sets have a byte in common. */
export function rangesOverlap(a: readonly ByteRange[], b: readonly ByteRange[]): boolean {
  return a.some((range) => b.some((other) => range.from < other.to && other.from < range.to));
}

/** Count of the bytes in a set. */
export function rangesBytes(ranges: readonly ByteRange[]): number {
  let bytes = 0;
  for (const range of ranges) bytes += range.to - range.from;
  return bytes;
}
