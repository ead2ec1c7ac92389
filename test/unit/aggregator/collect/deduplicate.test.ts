import { describe, expect, it } from "vitest";
import { AgentTable } from "../../../../aggregator/collect/agent-table.ts";
import {
  DIGEST_COUNT,
  digestSlot,
  judge,
  standingOf,
} from "../../../../aggregator/collect/deduplicate.ts";
import type { AgentRow } from "../../../../aggregator/state/agent-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { SealedRecord } from "../../../../shared/protocol/batch.ts";
import { SampleAgent } from "./sample-agent.ts";

const EPOCH = new SampleAgent("web-1").epoch;
const digest = (sequence: number) => sequence.toString(16).padStart(32, "0");
const sealed = (sequence: number, change = ""): SealedRecord => ({
  sequence,
  digest: change || digest(sequence),
  rawBytes: 0,
  payload: Buffer.alloc(0),
});

function rowAt(sequence: number): AgentRow {
  const fence = new SampleAgent("web-1").fence(1);
  const row = new AgentTable(new MemoryStore()).fence(undefined, fence, 0);
  row.sequence = sequence;
  row.digest = digest(sequence);
  return row;
}

const verdict = (row: AgentRow, record: SealedRecord, previous = digest(record.sequence - 1)) =>
  judge(
    row,
    record,
    () => previous,
    (sequence) => digest(sequence),
  );

describe("the verdict on a record", () => {
  it("is applied when it continues the mark and names its digest", () => {
    expect(verdict(rowAt(7), sealed(8))).toBe("applied");
  });

  it("is diverged when it does not name the mark's digest", () => {
    expect(verdict(rowAt(7), sealed(8), digest(99))).toBe("diverged");
  });

  it("is diverged behind a gap", () => {
    expect(verdict(rowAt(7), sealed(9))).toBe("diverged");
  });

  it("is duplicate for each of the last 256, when the digest is the same", () => {
    expect(verdict(rowAt(1000), sealed(1000))).toBe("duplicate");
    expect(verdict(rowAt(1000), sealed(1000 - DIGEST_COUNT + 1))).toBe("duplicate");
    expect(verdict(rowAt(1000), sealed(990, digest(1)))).toBe("diverged");
  });

  it("is diverged below the digests that are kept", () => {
    expect(verdict(rowAt(1000), sealed(1000 - DIGEST_COUNT))).toBe("diverged");
  });

  it("stays diverged whatever comes", () => {
    const row = rowAt(7);
    row.diverged = true;
    expect(verdict(row, sealed(8))).toBe("diverged");
    expect(verdict(row, sealed(7))).toBe("diverged");
  });

  it("opens a record only when it is the next", () => {
    const opened: number[] = [];
    const open = (sequence: number) => () => {
      opened.push(sequence);
      return digest(sequence - 1);
    };
    judge(rowAt(7), sealed(7), open(7), digest);
    judge(rowAt(7), sealed(8), open(8), digest);
    judge(rowAt(7), sealed(9), open(9), digest);
    expect(opened).toEqual([8]);
  });
});

describe("the standing of an epoch", () => {
  it("is unknown for an agent that was never seen", () => {
    expect(standingOf(undefined, EPOCH)).toBe("unknown");
  });

  it("tells the current epoch from those that were fenced off and from those never seen", () => {
    const row = rowAt(1);
    row.retiredEpochs = [digest(5)];
    expect(standingOf(row, EPOCH)).toBe("current");
    expect(standingOf(row, digest(5))).toBe("retired");
    expect(standingOf(row, digest(6))).toBe("unknown");
  });
});

describe("the ring of digests", () => {
  it("has a place of its own for each of any 256 records in a row", () => {
    for (const first of [1, 200, 500, 100_000]) {
      const slots = Array.from({ length: DIGEST_COUNT }, (_, index) => digestSlot(first + index));
      expect(new Set(slots).size).toBe(DIGEST_COUNT);
    }
  });
});
