import { describe, expect, it } from "vitest";
import {
  decodeInletRow,
  decodeLetterRow,
  decodeRequestRow,
  decodeRequestSlotRow,
  encodeInletRow,
  encodeLetterRow,
  encodeRequestRow,
  encodeRequestSlotRow,
  type InletRow,
} from "../../../../aggregator/state/inlet-row.ts";

const row: InletRow = {
  ...{ tenant: "acme", source: "bus", place: "orders/0", position: 2 ** 50 },
  counters: { applied: 1, duplicate: 2, rewound: 3, conflict: 4, records: 5, clockAhead: 6 },
  ledger: [{ source: "", kind: "lost", reason: "retention", lines: 7, bytes: 8 }],
  ...{ letterCount: 9, letterTotal: 10, selectorRevision: "ab", selectedSinceMs: undefined },
  settledLetters: [2, 2 ** 40],
  seenMs: 1_790_000_000_000,
  sources: [
    { source: "bus", state: "live", eventTimeMaxMs: -5, eventSeenMs: undefined, seenMs: 11 },
  ],
};

describe("the rows of an inlet", () => {
  it("come back as they were", () => {
    expect(decodeInletRow(encodeInletRow(row))).toEqual(row);
    const letter = { position: 3, reason: "not_json", takenMs: 5, isCut: true };
    const bytes = encodeLetterRow({ ...letter, value: Buffer.from("x") });
    expect(decodeLetterRow(bytes)).toEqual({ ...letter, value: Buffer.from("x") });
    const named = { ...letter, names: { stream: "s", service: "ü" }, value: Buffer.from("x") };
    expect(decodeLetterRow(encodeLetterRow(named))).toEqual(named);
    expect(decodeRequestRow(encodeRequestRow("0f".repeat(16)))).toBe("0f".repeat(16));
    expect(decodeRequestSlotRow(encodeRequestSlotRow("kéy"))).toBe("kéy");
  });

  it("of version 1 have no settled letters, and letters no names", () => {
    const current = encodeInletRow({ ...row, settledLetters: [] });
    // It ended before their count.
    const before = Buffer.from(current.subarray(0, -1));
    before[0] = 1;
    expect(decodeInletRow(before)).toEqual({ ...row, settledLetters: [] });
    // Position 3, reason "no", taken at 5, not cut, and the record.
    const letter = Buffer.from([1, 3, 2, 0x6e, 0x6f, 10, 0, 0x78]);
    expect(decodeLetterRow(letter)).toEqual({
      ...{ position: 3, reason: "no", takenMs: 5, isCut: false, value: Buffer.from("x") },
    });
  });

  it("of another format version are refused", () => {
    const other = Buffer.from(encodeInletRow(row));
    other[0] = 3;
    expect(() => decodeInletRow(other)).toThrow(/format version 3/);
  });
});
