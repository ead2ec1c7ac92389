import { describe, expect, it } from "vitest";
import {
  decodeLogEntry,
  encodeLogEntry,
  type LogEntry,
} from "../../../../aggregator/log/log-entry.ts";

const name = { tenant: "acme", agent: "wéb-1" };
const entries: readonly LogEntry[] = [
  { kind: "envelope", ...name, envelope: Buffer.from("any bytes") },
  { kind: "envelope", tenant: "", agent: "a", envelope: Buffer.alloc(100_000, 7) },
  { kind: "fence", ...name, number: 7, epoch: "0f".repeat(16), machine: "m-1" },
  { kind: "tick", nowMs: 1_790_000_000_000 },
  { kind: "tick", nowMs: -1 },
];

describe("an entry of `batches`", () => {
  it("comes back as it was", () => {
    for (const entry of entries) expect(decodeLogEntry(encodeLogEntry(entry))).toEqual(entry);
  });

  it("of another version or kind is refused", () => {
    expect(() => decodeLogEntry(Buffer.of(5, 1))).toThrow(/format version 5, this program reads 1/);
    expect(() => decodeLogEntry(Buffer.of(1, 9))).toThrow(/unknown kind 9/);
    expect(() => decodeLogEntry(Buffer.of(4, 7))).toThrow(/unknown kind 7/);
  });

  it("that was cut in its head is refused", () => {
    const bytes = encodeLogEntry({
      kind: "fence",
      ...name,
      number: 7,
      epoch: "0f".repeat(16),
      machine: "m",
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeLogEntry(bytes.subarray(0, length))).toThrow(/too early/);
    }
  });
});
