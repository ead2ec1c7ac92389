import { describe, expect, it } from "vitest";
import { decodeInletEntry, type InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import { decodeLogEntry, encodeLogEntry } from "../../../../aggregator/log/log-entry.ts";

const name = { tenant: "acme", source: "büs", place: "orders/12" };
const letters = [
  { position: 7, reason: "not_json", isCut: false, value: Buffer.from("no") },
  { position: 9, reason: "no_value", isCut: true, value: Buffer.alloc(0) },
];
const batch = Buffer.from("a batch");
const entries: readonly InletEntry[] = [
  { kind: "inlet", ...name, records: { kind: "range", from: 7, to: 2 ** 50 }, batch, letters },
  {
    ...{ kind: "inlet", ...name, place: "", letters: [], batch: Buffer.alloc(0) },
    records: { kind: "request", key: "k 1", digest: "0f".repeat(16) },
  },
  {
    ...{ kind: "inlet", ...name, batch },
    records: { kind: "request", key: "", digest: "0f".repeat(16) },
    letters: letters.map((letter) => ({ ...letter, names: { stream: "s", service: "büs" } })),
  },
  {
    ...{ kind: "inlet", ...name, letters: [], batch },
    records: {
      ...{ kind: "letters", isCounted: true },
      settled: [
        { number: 3, reason: "not_json", bytes: 12 },
        { number: 2 ** 40, reason: "no_value", bytes: 0 },
      ],
    },
  },
];

describe("an entry of an inlet", () => {
  it("comes back as it was, through the log's own codec, too", () => {
    for (const entry of entries) {
      const bytes = encodeLogEntry(entry);
      expect(decodeInletEntry(bytes)).toEqual(entry);
      expect(decodeLogEntry(bytes)).toEqual(entry);
    }
  });

  it("begins with its own format version, so that an older program refuses it", () => {
    expect(entries.map((entry) => encodeLogEntry(entry)[0])).toEqual([2, 2, 3, 3]);
  });

  it("of an unknown kind, or cut in its head, is refused", () => {
    for (const bytes of [
      [2, 9],
      [2, 6],
      [3, 4],
    ]) {
      expect(() => decodeLogEntry(Buffer.from(bytes))).toThrow(`unknown kind ${bytes[1]}`);
    }
    const [range] = entries.map(encodeLogEntry);
    const headBytes = (range?.length ?? 0) - batch.length;
    for (let length = 1; length < headBytes; length++) {
      expect(() => decodeLogEntry((range ?? batch).subarray(0, length))).toThrow(/too early/);
    }
  });
});
