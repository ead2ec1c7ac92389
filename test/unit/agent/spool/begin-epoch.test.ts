import { beforeEach, describe, expect, it } from "vitest";
import { beginEpoch } from "../../../../agent/spool/begin-epoch.ts";
import { openSpool } from "../../../../agent/spool/open-spool.ts";
import type { Spool } from "../../../../agent/spool/spool.ts";
import type { HelloAnswer } from "../../../../shared/protocol/answers.ts";
import type { Batch } from "../../../../shared/protocol/batch.ts";
import { decodeBatch } from "../../../../shared/protocol/codec.ts";
import { digestOf, openRecord } from "../../../../shared/protocol/sealed-record.ts";
import { Killed, MemoryDisk } from "./memory-disk.ts";
import {
  digestsOf,
  EPOCH,
  EPOCH_TWO,
  fill,
  filledSpool,
  sampleCheckpoint,
  spoolOptions,
} from "./sample-spool.ts";

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
});

/** What an aggregator answers that applied so many records of the sample spool. */
async function answerAt(applied: number): Promise<HelloAnswer> {
  const digests = await digestsOf(await filledSpool(new MemoryDisk(), Math.max(1, applied)));
  const aggregated = {
    source: "app",
    kind: "aggregated",
    reason: "",
    lines: applied,
    bytes: applied * 10,
  } as const;
  return {
    logId: "log-1",
    known: applied > 0,
    mark:
      applied === 0
        ? undefined
        : { epoch: EPOCH, sequence: applied, digest: digests.get(applied) ?? "" },
    checkpoints:
      applied === 0 ? [] : [sampleCheckpoint({ offset: applied * 10, from: applied * 10 })],
    ledger: applied === 0 ? [] : [aggregated],
  };
}

const begin = (spool: Spool, answer: HelloAnswer, epoch = EPOCH_TWO) =>
  beginEpoch(spool, { agent: "web-1", epoch, answer, sources: ["app", "new"] });

async function batchesOf(spool: Spool): Promise<Batch[]> {
  const batches: Batch[] = [];
  for (const record of await spool.read(1, 10_000_000)) {
    const raw = openRecord(record, 1_000_000);
    expect(digestOf(raw)).toBe(record.digest);
    batches.push(decodeBatch(raw));
  }
  return batches;
}

const ranges = (batches: readonly Batch[]) =>
  batches.map((batch) => batch.checkpoints.map((found) => [found.from, found.offset]));

describe("a new epoch", () => {
  it("without a spool begins with what the aggregator answered", async () => {
    const { spool } = await openSpool(spoolOptions(disk));
    const answer = await answerAt(3);
    expect(await begin(spool, answer)).toEqual({
      keptCount: 0,
      droppedCount: 0,
      unreadableCount: 0,
    });
    expect(spool.state?.checkpoints()).toEqual(answer.checkpoints);
    expect(spool.state?.ledger()).toEqual(answer.ledger);
    expect(["app", "new"].map((name) => spool.state?.hasSource(name))).toEqual([true, true]);
    expect(spool.state?.allocateFile()).toBe(1);
    expect((await openSpool(spoolOptions(disk))).condition).toBe("whole");
  });

  it("of an unknown agent leaves `start_at` to be applied", async () => {
    const { spool } = await openSpool(spoolOptions(disk));
    await begin(spool, await answerAt(0));
    expect(spool.state?.hasSource("app")).toBe(false);
  });

  it("seals again, in a whole chain, what the aggregator did not apply", async () => {
    const spool = await filledSpool(disk, 6);
    expect(await begin(spool, await answerAt(4))).toMatchObject({ keptCount: 2, droppedCount: 4 });
    const batches = await batchesOf(spool);
    expect(ranges(batches)).toEqual([[[40, 50]], [[50, 60]]]);
    expect(batches.map((batch) => [batch.epoch, batch.sequence])).toEqual([
      [EPOCH_TWO, 1],
      [EPOCH_TWO, 2],
    ]);
    expect(batches[1]?.previousDigest).toBe((await digestsOf(spool)).get(1));
    expect(batches[1]?.ledger[0]?.lines).toBe(6);
    expect(batches[1]?.deltas[0]?.aggregate.durationSum).toBe(6);
    expect(batches.map(({ events }) => events.map(({ offset }) => offset))).toEqual([[40], [50]]);
    expect(batches.map(({ selectorRevision }) => selectorRevision)).toEqual(["0bad", "0bad"]);
    expect(spool.retained.numbers).toEqual([]);
    const again = (await openSpool(spoolOptions(disk))).spool;
    expect(again.state?.header()).toEqual(spool.state?.header());
  });

  it("holds what a restored aggregator misses and the spool has no record of any more", async () => {
    const spool = await filledSpool(disk, 9);
    await spool.release(6);
    const oldest = spool.firstSequence;
    expect(oldest).toBeGreaterThan(4);
    await begin(spool, await answerAt(2));
    const held = [{ from: 20, to: (oldest - 1) * 10 }];
    expect((await batchesOf(spool))[0]?.checkpoints[0]).toMatchObject({
      from: 20,
      offset: oldest * 10,
      held,
    });
    expect(spool.state?.checkpoint(0)).toMatchObject({ offset: 90, held });
  });

  it("holds what a damaged record counted", async () => {
    await filledSpool(disk, 9);
    const contents = disk.contents();
    const second = [...contents.keys()].sort()[1] ?? "";
    const bytes = contents.get(second);
    bytes?.fill(7, bytes.length - 30);
    const after = MemoryDisk.holding(contents);
    const { spool, condition } = await openSpool(spoolOptions(after));
    expect(condition).toBe("damaged");
    const { keptCount } = await begin(spool, await answerAt(1));
    expect(keptCount).toBe(7);
    const state = spool.state?.checkpoint(0);
    expect(state?.offset).toBe(90);
    expect(state?.held.length).toBe(1);
    expect(state?.held.map(({ from, to }) => to - from)).toEqual([10]);
    expect(spool.state?.ledger()[0]?.lines).toBe(8);
  });

  it("counts a condemned record's lines as lost when it was not applied", async () => {
    const spool = await filledSpool(disk, 3);
    const { makeTombstone } = await import("../../../../agent/spool/make-tombstone.ts");
    const state = spool.state;
    if (state === undefined) throw new Error("a filled spool has a state");
    const { record, notes } = makeTombstone(state, await spool.readSealed(2), "");
    await spool.condemn(record, notes);
    await begin(spool, await answerAt(1));
    const batches = await batchesOf(spool);
    expect(batches.map((batch) => batch.deltas.length)).toEqual([0, 1]);
    expect(spool.state?.ledger()).toEqual([
      { source: "app", kind: "aggregated", reason: "", lines: 2, bytes: 20 },
      { source: "app", kind: "lost", reason: "malformed_batch", lines: 1, bytes: 10 },
    ]);
  });

  it.each(["lose", "keep", "tear"] as const)(
    "killed at any change is begun again and ends the same, unsynced bytes: %s",
    async (cut) => {
      const answer = await answerAt(4);
      for (let killAt = 0; ; killAt++) {
        disk = new MemoryDisk();
        const spool = await filledSpool(disk, 9);
        disk.killAt = disk.changeCount + killAt;
        let isKilled = false;
        await begin(spool, answer).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
          isKilled = true;
        });
        const after = disk.afterPowerCut(cut);
        const opened = await openSpool(spoolOptions(after));
        const isBegun = opened.condition === "whole" && opened.spool.state?.epoch === EPOCH_TWO;
        if (!isBegun) {
          // The fence of the epoch before took effect, but nothing of it was sent: the aggregator holds what it held.
          const used = opened.spool.epochs.includes(EPOCH_TWO);
          const mark = used
            ? { epoch: EPOCH_TWO, sequence: 0, digest: "0".repeat(32) }
            : answer.mark;
          await begin(opened.spool, { ...answer, mark }, "a".repeat(32));
        }
        const batches = await batchesOf(opened.spool);
        // Each sample batch has one event, whose duration is its first sequence.
        const durations = batches.map((batch) => batch.deltas[0]?.aggregate.durationSum);
        expect(durations.toSorted()).toEqual([5, 6, 7, 8, 9]);
        expect(opened.spool.state?.checkpoint(0)).toMatchObject({ offset: 90, held: [] });
        expect(opened.spool.state?.ledger()[0]?.lines).toBe(9);
        await fill(opened.spool, 1);
        if (isKilled) continue;
        expect(killAt).toBeGreaterThan(10);
        return;
      }
    },
  );
});
