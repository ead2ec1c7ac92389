import { describe, expect, it } from "vitest";
import { Ledger, ledgerChanges, SpoolState } from "../../../../agent/spool/spool-state.ts";
import type { Batch, LedgerEntry } from "../../../../shared/protocol/batch.ts";
import { emptyHeader, sampleCheckpoint } from "./sample-spool.ts";

const entry = (kind: LedgerEntry["kind"], lines: number): LedgerEntry => ({
  source: "app",
  kind,
  reason: "",
  lines,
  bytes: lines,
});

function batch(sequence: number, checkpoints: Batch["checkpoints"]): Batch {
  const { agent, epoch, previousDigest } = emptyHeader();
  return {
    agent,
    epoch,
    sequence,
    previousDigest,
    sealedAtMs: 0,
    deltas: [],
    checkpoints,
    sources: [],
    ledger: [],
    tombstone: undefined,
    events: [],
    holes: [],
    selectorRevision: "",
  };
}
const NO_NOTES = { ledger: [], heldBefore: [] };

describe("the state of a spool", () => {
  it("moves with each record and makes the header that a new segment needs", () => {
    const state = new SpoolState(emptyHeader());
    state.apply(
      batch(1, [sampleCheckpoint({ file: 4, offset: 9 })]),
      { ledger: [entry("aggregated", 3)], heldBefore: [] },
      "d".repeat(32),
    );
    const header = state.header();
    expect(header).toMatchObject({
      nextSequence: 2,
      previousDigest: "d".repeat(32),
      nextFile: 5,
      ledger: [entry("aggregated", 3)],
    });
    expect(header.checkpoints).toEqual([sampleCheckpoint({ file: 4, offset: 9, from: 9 })]);
    expect(new SpoolState(header).header()).toEqual(header);
  });

  it("forgets a file that is gone and wholly read, but never gives its number again", () => {
    const state = new SpoolState(emptyHeader());
    state.apply(batch(1, [sampleCheckpoint({ file: 6, removed: true })]), NO_NOTES, "");
    expect(state.checkpoints()).toEqual([]);
    expect([state.allocateFile(), state.allocateFile()]).toEqual([7, 8]);
  });

  it("remembers where files began behind their first byte, as long as they are there", () => {
    const state = new SpoolState(emptyHeader());
    state.addSource("new", [
      sampleCheckpoint({ file: 1, offset: 50 }),
      sampleCheckpoint({ file: 2 }),
    ]);
    state.apply(
      batch(1, [
        sampleCheckpoint({ file: 3, from: 20, offset: 30 }),
        sampleCheckpoint({ file: 1, from: 50, offset: 60 }),
      ]),
      NO_NOTES,
      "",
    );
    expect(state.hasSource("new")).toBe(true);
    expect(state.header().starts).toEqual([
      { file: 1, offset: 50 },
      { file: 3, offset: 20 },
    ]);
    state.apply(
      batch(2, [sampleCheckpoint({ file: 1, from: 60, offset: 60, removed: true })]),
      NO_NOTES,
      "",
    );
    expect(state.header().starts).toEqual([{ file: 3, offset: 20 }]);
  });

  it("takes over what a recovery ended with", () => {
    const state = new SpoolState({
      ...emptyHeader(),
      checkpoints: [sampleCheckpoint({ file: 1 })],
      ledger: [entry("lost", 1)],
    });
    const checkpoints = [sampleCheckpoint({ file: 2, offset: 5, from: 5 })];
    state.adopt({
      checkpoints,
      ledger: [entry("aggregated", 2)],
      starts: [{ file: 2, offset: 1 }],
      fileMax: 8,
    });
    expect(state.header()).toMatchObject({
      checkpoints,
      nextFile: 9,
      ledger: [entry("aggregated", 2)],
      starts: [{ file: 2, offset: 1 }],
    });
  });
});

describe("the ledger", () => {
  it("adds sums, replaces levels and drops what is nothing", () => {
    const ledger = new Ledger([entry("aggregated", 1), entry("held", 5)]);
    ledger.add([entry("aggregated", 2), entry("held", 3)]);
    expect(ledger.entries()).toEqual([entry("aggregated", 3), entry("held", 3)]);
    ledger.add([entry("aggregated", -3), entry("held", 0)]);
    expect(ledger.entries()).toEqual([]);
    expect(() => ledger.add([entry("lost", -1)])).toThrow(/stays above zero/);
  });

  it("changes by what one state adds to another", () => {
    const before = [entry("aggregated", 1), entry("held", 2), entry("lost", 4)];
    const after = [entry("aggregated", 4), entry("lost", 4), entry("noted", 1)];
    const changes = ledgerChanges(before, after);
    expect(changes).toEqual([entry("aggregated", 3), entry("noted", 1), entry("held", 0)]);
    const ledger = new Ledger(before);
    ledger.add(changes);
    expect(new Set(ledger.entries())).toEqual(new Set(after));
  });
});
