import { describe, expect, it } from "vitest";
import { makeTombstone } from "../../../../agent/spool/make-tombstone.ts";
import { present } from "../../../../shared/assert.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { openRecord } from "../../../../shared/protocol/sealed-record.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { filledSpool } from "./sample-spool.ts";

describe("a tombstone", () => {
  it("keeps sequence, digest, chain and checkpoints, and ledgers the lines as lost", async () => {
    const spool = await filledSpool(new MemoryDisk(), 3);
    const found = await spool.readSealed(2);
    const original = decodeBatch(openRecord(found.record, 1e6));
    const { record, notes, lines } = makeTombstone(present(spool.state, "state"), found, "");
    expect(record).toMatchObject({ sequence: 2, digest: found.record.digest });
    expect(lines).toBe(1);
    const batch = decodeBatch(openRecord(record, 1e6));
    expect(batch).toMatchObject({
      previousDigest: original.previousDigest,
      checkpoints: original.checkpoints,
      deltas: [],
      tombstone: { reason: "malformed_batch", replacedDigest: found.record.digest },
      ledger: [
        { kind: "aggregated", lines: 1, bytes: 10 },
        { kind: "lost", reason: "malformed_batch", lines: 1, bytes: 10 },
      ],
    });
    expect(notes.ledger.map(({ kind, lines: count }) => [kind, count])).toEqual([
      ["aggregated", -1],
      ["lost", 1],
    ]);
  });

  it("of bytes that hold no batch has no checkpoints, but still its place in the chain", async () => {
    const spool = await filledSpool(new MemoryDisk(), 3);
    const found = await spool.readSealed(2);
    const broken = { ...found, record: { ...found.record, payload: Buffer.from("no lz4") } };
    const { record } = makeTombstone(present(spool.state, "state"), broken, "cd".repeat(16));
    const batch = decodeBatch(openRecord(record, 1e6));
    expect(batch).toMatchObject({ sequence: 2, previousDigest: "cd".repeat(16), checkpoints: [] });
    expect(record.digest).toBe(found.record.digest);
  });
});
