import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  rangesBytes,
  rangesOverlap,
  subtractRanges,
  unionRanges,
} from "../../../../agent/spool/byte-ranges.ts";

const ranges = fc.array(
  fc.record({ from: fc.nat(40), length: fc.nat(10) }).map(({ from, length }) => ({
    from,
    to: from + length,
  })),
  { maxLength: 6 },
);
type Ranges = readonly { readonly from: number; readonly to: number }[];
const bytesIn = (list: Ranges) =>
  new Set(list.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, at) => from + at)));

describe("sets of bytes", () => {
  it("hold after a union what any list holds, in ascending ranges that do not touch", () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const union = unionRanges(a, b);
        expect(bytesIn(union)).toEqual(
          new Set([...bytesIn(a), ...bytesIn(b)].sort((x, y) => x - y)),
        );
        for (const [at, range] of union.entries()) {
          expect(range.from).toBeLessThan(range.to);
          expect(range.from).toBeGreaterThan(union[at - 1]?.to ?? -1);
        }
        expect(rangesBytes(union)).toBe(bytesIn(union).size);
      }),
    );
  });

  it("lose exactly what is subtracted, and overlap when they have a byte in common", () => {
    fc.assert(
      fc.property(ranges, ranges, (a, b) => {
        const [left, right] = [unionRanges(a), unionRanges(b)];
        const common = bytesIn(left).intersection(bytesIn(right));
        expect(bytesIn(subtractRanges(left, right))).toEqual(
          bytesIn(left).difference(bytesIn(right)),
        );
        expect(rangesOverlap(left, right)).toBe(common.size > 0);
      }),
    );
  });
});
