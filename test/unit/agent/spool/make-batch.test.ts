import { describe, expect, it } from "vitest";
import { makeBatch } from "../../../../agent/spool/make-batch.ts";
import { SpoolState } from "../../../../agent/spool/spool-state.ts";
import type { LedgerEntry } from "../../../../shared/protocol/batch.ts";
import { EPOCH, emptyHeader, sampleCheckpoint } from "./sample-spool.ts";

const entry = (
  kind: LedgerEntry["kind"],
  lines: number,
  reason = "",
  source = "app",
): LedgerEntry => ({
  source,
  kind,
  reason,
  lines,
  bytes: lines * 10,
});
const report = { source: "app", state: "live", eventTimeMaxMs: undefined } as const;
const nothing = {
  ...{ deltas: [], events: [], holes: [], checkpoints: [] },
  ...{ report, ledger: [], ledgerBefore: [] },
};
const SEAL = { sealedAtMs: 0, selectorRevision: "" };

describe("the seal", () => {
  it("follows the newest record and carries the whole ledger, also of sources that are no longer read", () => {
    const old = entry("aggregated", 5, "", "gone");
    const state = new SpoolState({
      ...emptyHeader(),
      nextSequence: 8,
      previousDigest: "ab".repeat(16),
      ledger: [old, entry("aggregated", 2)],
    });
    const cut = {
      ...nothing,
      ledger: [entry("aggregated", 3), entry("rejected", 1, "not_json")],
      ledgerBefore: [entry("aggregated", 2)],
    };
    const { batch, notes, isEmpty } = makeBatch(state, [cut], { ...SEAL, sealedAtMs: 77 });
    expect(batch).toMatchObject({
      agent: "web-1",
      epoch: EPOCH,
      sequence: 8,
      previousDigest: "ab".repeat(16),
      sealedAtMs: 77,
      sources: [report],
    });
    expect(batch.ledger).toEqual([old, entry("aggregated", 3), entry("rejected", 1, "not_json")]);
    expect(notes.ledger).toEqual([entry("aggregated", 1), entry("rejected", 1, "not_json")]);
    expect(isEmpty).toBe(false);
    expect(state.nextSequence).toBe(8);
  });

  it("is empty when nothing changed, so that only a heartbeat needs it", () => {
    const state = new SpoolState(emptyHeader());
    expect(makeBatch(state, [nothing], SEAL).isEmpty).toBe(true);
    const same = { ...nothing, ledger: [entry("held", 1)], ledgerBefore: [entry("held", 1)] };
    expect(makeBatch(state, [same], SEAL).isEmpty).toBe(true);
  });

  it("tells what is held as a level: replaced, and gone when nothing is held any more", () => {
    const state = new SpoolState({ ...emptyHeader(), ledger: [entry("held", 4)] });
    const more = { ...nothing, ledger: [entry("held", 3)], ledgerBefore: [entry("held", 4)] };
    expect(makeBatch(state, [more], SEAL).batch.ledger).toEqual([entry("held", 3)]);
    const none = { ...nothing, ledgerBefore: [entry("held", 4)] };
    const made = makeBatch(state, [none], SEAL);
    expect(made.batch.ledger).toEqual([]);
    expect(made.notes.ledger).toEqual([entry("held", 0)]);
  });

  it("notes what was held before in the same generation, and lets a known file go on from its offset", () => {
    const held = [{ from: 2, to: 5 }];
    const state = new SpoolState({
      ...emptyHeader(),
      checkpoints: [sampleCheckpoint({ offset: 9, held })],
    });
    const same = sampleCheckpoint({ from: 0, offset: 12 });
    const { batch, notes } = makeBatch(state, [{ ...nothing, checkpoints: [same] }], SEAL);
    expect(batch.checkpoints[0]).toMatchObject({ from: 9, offset: 12 });
    expect(notes.heldBefore).toEqual([{ file: 0, generation: 0, ranges: held }]);
    const next = sampleCheckpoint({ generation: 1, from: 0, offset: 3 });
    const made = makeBatch(state, [{ ...nothing, checkpoints: [next] }], SEAL);
    expect(made.batch.checkpoints[0]).toMatchObject({ from: 0, offset: 3 });
    expect(made.notes.heldBefore).toEqual([]);
  });

  it("carries the events of all sources, one hole per stream, and what chose them", () => {
    const place = { stream: "s", file: 1, generation: 0, offset: 0, index: 0 };
    const event = { ...place, timeMs: 5, type: null, fields: {} };
    const hole = { stream: "s", fromMs: 1, toMs: 2, count: 1 };
    const cuts = ["a", "b"].map((source) => ({
      ...nothing,
      events: [{ ...event, source }],
      holes: [hole],
    }));
    const seal = { sealedAtMs: 0, selectorRevision: "0bad" };
    const { batch } = makeBatch(new SpoolState(emptyHeader()), cuts, seal);
    expect(batch.events.map(({ source }) => source)).toEqual(["a", "b"]);
    expect(batch.holes).toEqual([{ ...hole, count: 2 }]);
    expect(batch.selectorRevision).toBe("0bad");
  });
});
