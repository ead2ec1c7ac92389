import { describe, expect, it } from "vitest";
import { lateKey, PATTERNS_KEY } from "../../../../aggregator/state/keys.ts";
import {
  decodeLateRow,
  encodeLateRow,
  LATE_COUNT_MAX,
  type LateRow,
  readLate,
} from "../../../../aggregator/state/late-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { encodePatternsRow, encodeWaitingRow } from "../../../../aggregator/state/rule-rows.ts";

const late: LateRow = {
  ...{ tenant: "", stream: "business-events", keyField: "userId", key: "ann", timeMs: 5_000 },
  ...{ type: null, fields: { amount: 7 }, place: "1005000 web-1 …" },
  ...{ watermarkMs: 9_000, rules: ["fraud", "silence"] },
};

describe("the row of a late event", () => {
  it("gives back what was written, and reads rows that were written before it said so much", () => {
    expect(decodeLateRow(encodeLateRow(late))).toEqual(late);
    const { place: _place, watermarkMs: _watermark, rules: _rules, ...waiting } = late;
    const unknown = { place: undefined, watermarkMs: undefined, rules: [] };
    expect(decodeLateRow(encodeWaitingRow(waiting))).toEqual({ ...waiting, ...unknown });
    expect(() => decodeLateRow(encodeLateRow(late).subarray(0, 30))).toThrow(/STATE|ends/);
    expect(() => decodeLateRow(Buffer.of(3))).toThrow(/format|version/i);
  });
});

describe("reading late events", () => {
  it("goes from the newest to the oldest that is kept, from any number down", async () => {
    const store = new MemoryStore();
    const lateNumber = LATE_COUNT_MAX + 2;
    const numbers = { alertNumber: 0, holeNumber: 0, lateNumber, metricsMs: undefined };
    const rows = [0, 1, LATE_COUNT_MAX - 1].map((slot) => ({
      key: lateKey(slot),
      value: encodeLateRow({ ...late, timeMs: slot }),
    }));
    await store.commit([{ key: PATTERNS_KEY, value: encodePatternsRow(numbers) }, ...rows]);
    const read = (before: number) => [...readLate(store, before)].map(({ number }) => number);
    expect(read(Number.POSITIVE_INFINITY)).toEqual([10_001, 10_000, 9_999]);
    expect(read(10_000)).toEqual([9_999]);
    expect(read(2)).toEqual([]);
  });
});
