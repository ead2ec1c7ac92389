import { describe, expect, it } from "vitest";
import {
  retryAfterMsOf,
  type StoreAnswer,
  writeHalving,
} from "../../../../aggregator/sinks/http-store.ts";

const taken: StoreAnswer = { verdict: "taken", reason: "204", retryAfterMs: undefined };
const refused: StoreAnswer = { verdict: "refused", reason: "400 bad", retryAfterMs: undefined };
const later: StoreAnswer = { verdict: "later", reason: "503", retryAfterMs: 2_000 };

describe("writing by halves", () => {
  it("finds every result that the store refuses, and writes all others", async () => {
    const bad = [3, 4, 9];
    const written = new Set<number>();
    const report = await writeHalving([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], async (indexes) => {
      if (indexes.some((index) => bad.includes(index))) return refused;
      for (const index of indexes) written.add(index);
      return taken;
    });
    expect(report.failures).toEqual(
      bad.map((index) => ({ index, reason: "400 bad", isRetryable: false })),
    );
    expect([...written].toSorted((a, b) => a - b)).toEqual([0, 1, 2, 5, 6, 7, 8]);
  });

  it("sends a batch that is taken once, and nothing for an empty one", async () => {
    const sent: (readonly number[])[] = [];
    const send = async (indexes: readonly number[]) => {
      sent.push(indexes);
      return taken;
    };
    await writeHalving([1, 2, 3], send);
    await writeHalving([], send);
    expect(sent).toEqual([[1, 2, 3]]);
  });

  it("stops at a store that wants to be left alone, and names what is left", async () => {
    const answers = [refused, taken, later];
    const report = await writeHalving([0, 1, 2, 3], async () => answers.shift() ?? taken);
    expect(report).toEqual({
      failures: [2, 3].map((index) => ({ index, reason: "503", isRetryable: true })),
      retryAfterMs: 2_000,
    });
  });
});

describe("the header retry-after", () => {
  const nowMs = Date.parse("2026-11-20T10:00:00Z");
  it.each([
    ["7", 7_000],
    [" 0 ", 0],
    ["Fri, 20 Nov 2026 10:00:30 GMT", 30_000],
    ["Fri, 20 Nov 2026 09:00:00 GMT", 0],
    ["999999999", 3_600_000],
    ["soon", undefined],
    [undefined, undefined],
  ])("%j means %j ms", (header, waitMs) => {
    expect(retryAfterMsOf(header, nowMs)).toBe(waitMs);
  });
});
