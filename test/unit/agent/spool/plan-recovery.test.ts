import { describe, expect, it } from "vitest";
import { planRecovery, type RetainedRecord } from "../../../../agent/spool/plan-recovery.ts";
import type { Checkpoint } from "../../../../shared/protocol/batch.ts";
import { sampleCheckpoint } from "./sample-spool.ts";

const record = (...checkpoints: readonly Checkpoint[]): RetainedRecord => ({
  checkpoints,
  heldBefore: [],
  ledger: [{ source: "app", kind: "aggregated", reason: "", lines: 1, bytes: 1 }],
  isApplied: false,
  isAfterGap: false,
});
const basis = (...checkpoints: readonly Checkpoint[]) => ({
  checkpoints,
  ledger: [],
  starts: [],
  isForked: false,
});
const at = (offset: number, changes: Partial<Checkpoint> = {}) =>
  sampleCheckpoint({ from: offset, offset, ...changes });
const read = (from: number, offset: number, changes: Partial<Checkpoint> = {}) =>
  sampleCheckpoint({ from, offset, ...changes });

describe("planning a recovery", () => {
  it("keeps records that continue the answer, drops one that overlaps it, and reads its rest again", () => {
    const plan = planRecovery(basis(at(15)), [], [record(read(10, 20)), record(read(20, 30))]);
    expect([...plan.kept.keys()]).toEqual([1]);
    expect(plan.checkpoints).toEqual([at(30, { held: [{ from: 15, to: 20 }] })]);
    expect(plan.ledger[0]?.lines).toBe(1);
  });

  it("keeps all files of a record or none", () => {
    const both = record(read(0, 10), read(5, 10, { file: 1 }));
    const plan = planRecovery(basis(at(0), at(8, { file: 1 })), [], [both]);
    expect(plan.kept.size).toBe(0);
    expect(plan.checkpoints).toEqual([
      at(10, { held: [{ from: 0, to: 10 }] }),
      at(10, { file: 1, held: [{ from: 8, to: 10 }] }),
    ]);
  });

  it("takes what was held and then read as counted by the record that read it", () => {
    const answer = at(30, { held: [{ from: 5, to: 10 }] });
    const reread = {
      ...record(read(30, 30)),
      heldBefore: [{ file: 0, generation: 0, ranges: [{ from: 5, to: 10 }] }],
    };
    const plan = planRecovery(basis(answer), [], [reread]);
    expect(plan.kept.size).toBe(1);
    expect(plan.checkpoints).toEqual([at(30)]);
  });

  it("ledgers what a truncation took with it before it was counted", () => {
    const records = [record(read(10, 40)), record(read(40, 50), read(0, 7, { generation: 1 }))];
    const plan = planRecovery(basis(at(5)), [], records);
    expect(plan.kept.size).toBe(2);
    expect(plan.checkpoints).toEqual([at(7, { generation: 1 })]);
    expect(plan.ledger).toContainEqual({
      source: "app",
      kind: "lost",
      reason: "lost_by_aggregator",
      lines: 0,
      bytes: 5,
    });
  });

  it("holds what the spool had read of files that the aggregator never heard of", () => {
    const plan = planRecovery(basis(), [at(90, { file: 3 })], []);
    expect(plan.checkpoints).toEqual([at(90, { file: 3, held: [{ from: 0, to: 90 }] })]);
    expect(plan.fileMax).toBe(3);
  });

  it("never reads what lies before the place where a file's reading began", () => {
    const withStart = { ...basis(), starts: [{ file: 3, offset: 60 }] };
    expect(planRecovery(withStart, [at(90, { file: 3 })], []).checkpoints[0]?.held).toEqual([
      { from: 60, to: 90 },
    ]);
    const first = record(read(60, 80, { file: 4 }));
    expect(planRecovery(basis(), [], [first])).toMatchObject({
      checkpoints: [at(80, { file: 4 })],
      starts: [{ file: 4, offset: 60 }],
    });
    expect(planRecovery(basis(), [], [{ ...first, isAfterGap: true }]).kept.size).toBe(0);
  });

  it("never counts a file again that was finished and forgotten", () => {
    const gone = { ...record(read(0, 10, { file: 2, removed: true })), isApplied: true };
    const plan = planRecovery(basis(at(5, { file: 7 })), [at(4, { file: 2 })], [gone]);
    expect(plan.kept.size).toBe(0);
    expect(plan.checkpoints).toEqual([at(5, { file: 7 })]);
  });

  it("lets go of a file only when nothing of it is held", () => {
    const removal = record(read(20, 30, { removed: true }));
    expect(planRecovery(basis(at(20)), [], [removal]).checkpoints).toEqual([]);
    const [kept] = planRecovery(basis(at(10)), [], [removal]).checkpoints;
    expect(kept).toMatchObject({ removed: false, held: [{ from: 10, to: 20 }] });
  });

  describe("after a fork", () => {
    const forked = (...checkpoints: readonly Checkpoint[]) => ({
      ...basis(...checkpoints),
      isForked: true,
    });

    it("keeps a record only when identity and fingerprint say that the file is the same", () => {
      const next = record(read(10, 20));
      expect(planRecovery(forked(at(10)), [], [next]).kept.size).toBe(1);
      for (const other of [
        { inode: "8" },
        { device: "2" },
        { birthMs: 3 },
        { fingerprint: "11111111" },
        { fingerprintBytes: 3 },
      ]) {
        expect(planRecovery(forked(at(10, other)), [], [next]).kept.size).toBe(0);
      }
    });

    it("drops records of files whose numbers may have been given twice, or that are known under another number", () => {
      const unknown = record(read(0, 20, { file: 1 }));
      expect(planRecovery(forked(at(10, { file: 2, inode: "9" })), [], [unknown]).kept.size).toBe(
        0,
      );
      expect(planRecovery(forked(at(10, { file: 0 })), [], [unknown]).kept.size).toBe(0);
      expect(planRecovery(forked(at(10, { file: 0, inode: "9" })), [], [unknown]).kept.size).toBe(
        1,
      );
    });

    it("believes nothing that the spool alone says of a file", () => {
      expect(planRecovery(forked(at(10)), [at(50)], []).checkpoints).toEqual([at(10)]);
    });
  });
});
