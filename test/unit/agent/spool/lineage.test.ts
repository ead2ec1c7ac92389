import { describe, expect, it } from "vitest";
import { Lineage } from "../../../../agent/spool/lineage.ts";

const mark = (epoch: string, sequence: number, digest = `${epoch}${sequence}`) => ({
  epoch,
  sequence,
  digest,
});

function lineage(
  answered: ReturnType<typeof mark> | undefined,
  before: Record<string, ReturnType<typeof mark> | undefined>,
) {
  return new Lineage(answered, new Map(Object.entries(before)));
}

describe("a spool and an aggregator", () => {
  it("are on one line when the record at the mark has the mark's digest", () => {
    const line = lineage(mark("a", 3), { a: undefined });
    for (const sequence of [2, 3, 4]) line.add("a", sequence, `a${sequence}`);
    expect(line.isForked()).toBe(false);
    expect([3, 4].map((sequence) => line.isApplied("a", sequence))).toEqual([true, false]);
  });

  it("forked when that record has another digest, or when the mark is beyond the newest", () => {
    const other = lineage(mark("a", 3, "other"), { a: undefined });
    other.add("a", 3, "a3");
    const beyond = lineage(mark("a", 9), { a: undefined });
    beyond.add("a", 3, "a3");
    for (const line of [other, beyond]) {
      expect(line.isForked()).toBe(true);
      expect(line.isApplied("a", 3)).toBe(false);
    }
  });

  it("are on one line when the mark is older than everything in the spool", () => {
    const line = lineage(mark("a", 3), { a: undefined });
    line.add("a", 7, "a7");
    expect(line.isForked()).toBe(false);
  });

  it("are judged by the record behind the mark when the one at it is damaged", () => {
    const line = lineage(mark("a", 3), { a: undefined });
    line.add("a", 2, "a2");
    expect(line.isBehindMark("a", 4)).toBe(true);
    line.add("a", 3, "a3");
    expect(line.isBehindMark("a", 4)).toBe(false);
    expect(line.isForked()).toBe(false);
  });

  it("are judged by where an epoch began of which nothing was applied", () => {
    const before = { a: undefined, b: mark("a", 3) };
    const same = lineage(mark("b", 0), before);
    const forked = lineage(mark("b", 0), before);
    same.add("a", 3, "a3");
    forked.add("a", 3, "other");
    for (const line of [same, forked]) line.add("b", 0, "none");
    expect(same.isForked()).toBe(false);
    expect(same.isApplied("a", 3)).toBe(true);
    expect(forked.isForked()).toBe(true);
  });

  it("are on one line when the epoch began later on the line of the mark's epoch", () => {
    expect(lineage(mark("a", 3), { b: mark("a", 5) }).isForked()).toBe(false);
    expect(lineage(mark("a", 3), { b: mark("a", 3, "other") }).isForked()).toBe(true);
    expect(lineage(mark("a", 3), { b: mark("a", 2) }).isForked()).toBe(true);
    expect(lineage(mark("z", 3), { b: mark("a", 2) }).isForked()).toBe(true);
  });

  it("are on one line when the aggregator knows nothing, or the spool holds nothing", () => {
    const line = lineage(undefined, { a: undefined });
    line.add("a", 1, "a1");
    expect(line.isForked()).toBe(false);
    expect(lineage(mark("a", 3), {}).isForked()).toBe(false);
  });
});
