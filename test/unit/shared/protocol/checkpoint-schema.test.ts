import { describe, expect, it } from "vitest";
import {
  checkpointSchema,
  ledgerEntrySchema,
} from "../../../../shared/protocol/checkpoint-schema.ts";
import { sampleCheckpoint } from "../../agent/spool/sample-spool.ts";

describe("checkpoints in JSON", () => {
  it("read back as they were, with and without times", () => {
    for (const timeMs of [undefined, 12.5]) {
      const times = { birthMs: timeMs, modifiedMs: timeMs };
      const checkpoint = sampleCheckpoint({ ...times, held: [{ from: 1, to: 4 }] });
      expect(checkpointSchema.parse(JSON.parse(JSON.stringify(checkpoint)))).toEqual(checkpoint);
    }
    expect(
      checkpointSchema.parse({ ...sampleCheckpoint({}), birthMs: null }).birthMs,
    ).toBeUndefined();
  });

  it("are refused with a negative offset, an empty held range or a part missing", () => {
    for (const wrong of [
      { offset: -1 },
      { offset: 1.5 },
      { held: [{ from: 3, to: 3 }] },
      { path: undefined },
    ]) {
      expect(checkpointSchema.safeParse({ ...sampleCheckpoint({}), ...wrong }).success).toBe(false);
    }
  });
});

describe("ledger entries in JSON", () => {
  it("have a known kind and counts that are not negative", () => {
    const entry = { source: "app", kind: "lost", reason: "why", lines: 1, bytes: 2 };
    expect(ledgerEntrySchema.parse(entry)).toEqual(entry);
    expect(ledgerEntrySchema.safeParse({ ...entry, kind: "found" }).success).toBe(false);
    expect(ledgerEntrySchema.safeParse({ ...entry, lines: -1 }).success).toBe(false);
  });
});
