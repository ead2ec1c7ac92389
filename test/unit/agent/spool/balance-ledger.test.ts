import { describe, expect, it } from "vitest";
import { LedgerBalance } from "../../../../agent/spool/balance-ledger.ts";
import type {
  Batch,
  Checkpoint,
  LedgerEntry,
  LedgerKind,
} from "../../../../shared/protocol/batch.ts";
import { EPOCH, sampleCheckpoint } from "./sample-spool.ts";

const entry = (kind: LedgerKind, bytes: number, reason = ""): LedgerEntry => ({
  source: "app",
  kind,
  reason,
  lines: bytes / 10,
  bytes,
});

function batch(
  from: number,
  to: number,
  ledger: readonly LedgerEntry[],
  held: Checkpoint["held"] = [],
): Batch {
  return {
    agent: "web-1",
    epoch: EPOCH,
    sequence: 1,
    previousDigest: "",
    sealedAtMs: 0,
    deltas: [],
    events: [],
    holes: [],
    selectorRevision: "",
    checkpoints: [sampleCheckpoint({ from, offset: to, held })],
    sources: [],
    ledger,
    tombstone: undefined,
  };
}

function balanceOf(header: readonly LedgerEntry[], ...batches: readonly Batch[]) {
  const balance = new LedgerBalance();
  balance.begin({ ledger: header, checkpoints: [] });
  for (const found of batches) balance.add(found);
  return balance.balances();
}

describe("the balance of a ledger", () => {
  it("adds the kinds up to what was read, without what is only noted", () => {
    const ledger = [
      entry("aggregated", 100),
      entry("rejected", 20, "bad_json"),
      entry("rejected", 10, "no_time"),
      entry("filtered", 30, "blank"),
      entry("noted", 500, "clock_ahead"),
    ];
    const [found] = balanceOf([], batch(0, 160, ledger));
    expect(found).toMatchObject({
      source: "app",
      read: { lines: 16, bytes: 160 },
      kinds: { rejected: { lines: 3, bytes: 30 }, noted: { bytes: 500 } },
      faults: [],
    });
  });

  it("finds bytes that were read and are in no kind", () => {
    const [found] = balanceOf(
      [entry("aggregated", 50)],
      batch(50, 100, [entry("aggregated", 90)]),
      batch(100, 120, [entry("aggregated", 110)]),
    );
    expect(found?.faults).toEqual([
      { sequence: 1, positionBytes: 50, accountedBytes: 40, lostBytes: 0 },
    ]);
  });

  it("finds bytes that are counted twice", () => {
    const [found] = balanceOf([], batch(0, 50, [entry("aggregated", 60)]));
    expect(found?.faults.length).toBe(1);
  });

  it("lets held bytes become aggregated ones without a move of the position", () => {
    const [found] = balanceOf(
      [],
      batch(0, 50, [entry("aggregated", 40)], [{ from: 40, to: 50 }]),
      batch(50, 50, [entry("aggregated", 50)]),
    );
    expect(found).toMatchObject({ positionBytes: 50, accountedBytes: 50, faults: [] });
  });

  it("knows from the header what is held", () => {
    const balance = new LedgerBalance();
    const checkpoint = sampleCheckpoint({ offset: 50, held: [{ from: 40, to: 50 }] });
    balance.begin({ ledger: [entry("aggregated", 40)], checkpoints: [checkpoint] });
    balance.add(batch(50, 60, [entry("aggregated", 60)]));
    expect(balance.balances()[0]?.faults).toEqual([]);
  });

  it("lets bytes be lost unread, and no more than are lost", () => {
    const isBalanced = (lost: number, aggregated: number) =>
      balanceOf(
        [],
        batch(0, 50, [entry("aggregated", aggregated), entry("lost", lost, "truncated_unread")]),
      )[0]?.faults.length === 0;
    expect(isBalanced(30, 50)).toBe(true);
    expect(isBalanced(30, 51)).toBe(false);
  });

  it("moves what a tombstone replaces from one kind to another", () => {
    const balance = new LedgerBalance();
    balance.begin({ ledger: [], checkpoints: [] });
    balance.add(batch(0, 50, [entry("aggregated", 50)]));
    balance.correct([
      { ...entry("aggregated", 50), bytes: -50, lines: -5 },
      entry("lost", 50, "malformed_batch"),
    ]);
    const [found] = balance.balances();
    expect(found).toMatchObject({
      read: { bytes: 50 },
      kinds: { lost: { bytes: 50 } },
      faults: [],
    });
  });
});

describe("the balance of what was chosen to be sent", () => {
  it("is selected = sent + shed, of events and of raw lines, with the reasons", () => {
    const ledger = [
      entry("aggregated", 100),
      entry("events_selected", 50),
      entry("events_sent", 50),
      entry("lines_selected", 90),
      entry("lines_sent", 40),
      entry("lines_shed", 30, "rate_limited"),
      entry("lines_shed", 20, "redacted"),
    ];
    const [found] = balanceOf([], batch(0, 100, ledger));
    expect(found?.sendings).toMatchObject([
      { what: "events", balances: true, reasons: {} },
      {
        ...{ what: "raw lines", balances: true, shed: { lines: 5, bytes: 50 } },
        reasons: { rate_limited: { lines: 3 }, redacted: { lines: 2 } },
      },
    ]);
    expect(found?.faults).toEqual([]);
  });

  it.each([
    [entry("lines_selected", 90), entry("lines_sent", 80)],
    [{ ...entry("events_selected", 90), lines: 8 }, entry("events_sent", 90)],
  ])("finds what is missing: %j", (...ledger) => {
    const [found] = balanceOf([], batch(0, 0, ledger));
    expect(found?.sendings.map(({ balances }) => balances)).toEqual([false]);
  });

  it("tells of nothing where nothing was chosen", () => {
    expect(balanceOf([], batch(0, 10, [entry("aggregated", 10)]))[0]?.sendings).toEqual([]);
  });
});
