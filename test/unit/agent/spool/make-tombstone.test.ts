import { describe, expect, it } from "vitest";
import { makeTombstone } from "../../../../agent/spool/make-tombstone.ts";
import { present } from "../../../../shared/assert.ts";
import type { Batch } from "../../../../shared/protocol/batch.ts";
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

  it("has holes for the events, and ledgers them as shed", async () => {
    const spool = await filledSpool(new MemoryDisk(), 1);
    const state = present(spool.state, "state");
    const sent = { source: "app", kind: "events_sent" as const, reason: "", lines: 2, bytes: 90 };
    const event = { source: "app", file: 1, generation: 0, index: 0, type: null, fields: {} };
    const before = decodeBatch(openRecord((await spool.readSealed(1)).record, 1e6));
    const batch: Batch = {
      ...before,
      ledger: [...before.ledger, sent],
      sequence: 2,
      previousDigest: state.previousDigest,
      events: [
        { ...event, stream: "s", offset: 0, timeMs: 9 },
        { ...event, stream: "s", offset: 7, timeMs: 4 },
      ],
      holes: [{ stream: "t", fromMs: 1, toMs: 1, count: 1 }],
      selectorRevision: "0bad",
    };
    await spool.append(batch, { ledger: [sent], heldBefore: [] });
    const { record, notes } = makeTombstone(state, await spool.readSealed(2), "");
    expect(decodeBatch(openRecord(record, 1e6))).toMatchObject({
      events: [],
      holes: [
        { stream: "t", fromMs: 1, toMs: 1, count: 1 },
        { stream: "s", fromMs: 4, toMs: 9, count: 2 },
      ],
      selectorRevision: "0bad",
    });
    expect(notes.ledger).toEqual([
      { ...sent, lines: -2, bytes: -90 },
      { ...sent, kind: "events_shed", reason: "malformed_batch" },
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
