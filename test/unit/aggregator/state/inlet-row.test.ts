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
    expect(decodeRequestRow(encodeRequestRow("0f".repeat(16)))).toBe("0f".repeat(16));
    expect(decodeRequestSlotRow(encodeRequestSlotRow("kéy"))).toBe("kéy");
  });

  it("of another format version are refused", () => {
    const other = Buffer.from(encodeInletRow(row));
    other[0] = 2;
    expect(() => decodeInletRow(other)).toThrow(/format version 2/);
  });
});
