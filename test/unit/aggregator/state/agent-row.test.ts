import { describe, expect, it } from "vitest";
import {
  type AgentRow,
  decodeAgentRow,
  decodeCheckpointRow,
  decodeDigestRow,
  decodeLedgerRow,
  encodeAgentRow,
  encodeCheckpointRow,
  encodeDigestRow,
  encodeLedgerRow,
} from "../../../../aggregator/state/agent-row.ts";
import { ByteWriter } from "../../../../aggregator/state/byte-writer.ts";
import { checkpoint } from "../collect/sample-agent.ts";

const EPOCH = "ab".repeat(16);
const full: AgentRow = {
  tenant: "acme",
  agent: "wéb/1",
  fenceNumber: 3,
  epoch: EPOCH,
  machine: "m",
  known: true,
  markBefore: { epoch: "cd".repeat(16), sequence: 2 ** 40, digest: "01".repeat(16) },
  sequence: 12,
  digest: "02".repeat(16),
  diverged: true,
  seenMs: 1_790_000_000_000,
  sealedAtMs: -5,
  counters: { applied: 1, duplicate: 2, diverged: 3, fenced: 4, lines: 2 ** 50, clockAhead: 6 },
  retiredEpochs: ["cd".repeat(16), "ef".repeat(16)],
  removedFiles: [1, 300],
  sources: [
    { source: "app", state: "ended", eventTimeMaxMs: -1, eventSeenMs: 5, seenMs: 7 },
    { source: "", state: "idle", eventTimeMaxMs: undefined, eventSeenMs: undefined, seenMs: 0 },
  ],
  selectorRevision: "ab12",
  selectedSinceMs: -7,
};

describe("rows of an agent", () => {
  it("give back what was written", () => {
    const empty = { ...full, markBefore: undefined, sealedAtMs: undefined, sources: [] };
    for (const row of [full, empty]) {
      expect(decodeAgentRow(encodeAgentRow(row, new ByteWriter()))).toEqual(row);
    }
  });

  it("give back checkpoints, with held ranges and birth times that are no integers", () => {
    const rows = [
      checkpoint(1),
      checkpoint(2 ** 45, {
        birthMs: 1_790_000_000_000.123,
        modifiedMs: 1_790_000_000_001,
        offset: 2 ** 50,
        guard: 2 ** 32 - 1,
        held: [
          { from: 1, to: 2 },
          { from: 2 ** 40, to: 2 ** 41 },
        ],
        unterminated: true,
        complete: true,
        removed: true,
      }),
    ];
    for (const row of rows) {
      expect(decodeCheckpointRow(encodeCheckpointRow(row, new ByteWriter()))).toEqual(row);
    }
  });

  it("give back ledgers and digests", () => {
    const ledger = [
      { source: "app", kind: "noted", reason: "clock_ahead", lines: 1, bytes: 2 ** 52 },
      { source: "app", kind: "aggregated", reason: "", lines: 0, bytes: 0 },
    ] as const;
    expect(decodeLedgerRow(encodeLedgerRow(ledger, new ByteWriter()))).toEqual(ledger);
    const digest = { fenceNumber: 2, sequence: 9, digest: EPOCH };
    expect(decodeDigestRow(encodeDigestRow(digest, new ByteWriter()))).toEqual(digest);
  });

  it("are refused when they are cut", () => {
    const bytes = encodeAgentRow(full, new ByteWriter());
    for (let length = 1; length < bytes.length; length++) {
      expect(() => decodeAgentRow(bytes.subarray(0, length))).toThrow(/too early/);
    }
  });
});
