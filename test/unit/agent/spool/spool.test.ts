import { beforeEach, describe, expect, it } from "vitest";
import { openSpool } from "../../../../agent/spool/open-spool.ts";
import type { Spool } from "../../../../agent/spool/spool.ts";
import { MemoryDisk } from "./memory-disk.ts";
import {
  digestsOf,
  EPOCH_TWO,
  emptyHeader,
  fill,
  filledSpool,
  nextBatch,
  SPOOL_FOLDER,
  spoolOptions,
} from "./sample-spool.ts";

let disk: MemoryDisk;
beforeEach(() => {
  disk = new MemoryDisk();
});

async function reopened(options: Partial<ReturnType<typeof spoolOptions>> = {}): Promise<Spool> {
  const { spool } = await openSpool({ ...spoolOptions(disk), ...options });
  return spool;
}

/** Fails every change of these kinds until the disk is revived. */
function failing(...operations: readonly string[]): void {
  disk.fault = (operation) => (operations.includes(operation) ? "EIO" : undefined);
}

describe("a spool", () => {
  it("gives records back in order, as many as fit and at least one", async () => {
    const spool = await filledSpool(disk, 6);
    expect((await spool.read(1, 1)).map((record) => record.sequence)).toEqual([1]);
    const all = await spool.read(2, 1_000_000);
    expect(all.map((record) => record.sequence)).toEqual([2, 3, 4, 5, 6]);
    expect(await spool.read(7, 1)).toEqual([]);
    await fill(spool, 1);
    expect((await spool.read(7, 1)).map((record) => record.sequence)).toEqual([7]);
  });

  it("begins a new segment when one is long, and deletes those that are wholly applied", async () => {
    const spool = await filledSpool(disk, 9);
    const before = spool.segmentCount;
    expect(before).toBeGreaterThan(3);
    await spool.release(4);
    expect(spool.firstSequence).toBeGreaterThan(1);
    expect(spool.firstSequence).toBeLessThanOrEqual(5);
    await spool.release(9);
    expect(spool.segmentCount).toBe(1);
    expect((await disk.list(SPOOL_FOLDER)).length).toBe(1);
    expect((await reopened()).lastSequence).toBe(9);
  });

  it("closes a segment at 128 records, fewer than an aggregator recognises", async () => {
    const { spool } = await openSpool({ ...spoolOptions(disk), segmentBytes: 10_000_000 });
    await spool.begin(emptyHeader());
    await fill(spool, 129);
    expect(spool.segmentCount).toBe(2);
    await spool.release(128);
    expect(spool.firstSequence).toBe(129);
  });

  it("goes on after a restart where it was, files, ledger and chain included", async () => {
    const first = await filledSpool(disk, 5);
    const header = first.state?.header();
    await first.close();
    const second = await reopened();
    expect(second.state?.header()).toEqual(header);
    await fill(second, 1);
    expect((await digestsOf(second)).size).toBe(6);
  });

  it("is full at its limit until something is deleted, and says so", async () => {
    const { spool } = await openSpool({ ...spoolOptions(disk), bytesMax: 4000 });
    await spool.begin(emptyHeader());
    while (!spool.isFull) await fill(spool, 1);
    expect(spool.bytes).toBeLessThan(6000);
    const last = spool.lastSequence;
    await spool.release(last - 4);
    expect(spool.isFull).toBe(false);
    await fill(spool, 1);
    expect(spool.lastSequence).toBe(last + 1);
  });

  it("SPL-05 that was full is full after a restart, is read piece by piece, and goes on when it is drained", async () => {
    const limits = { ...spoolOptions(disk), bytesMax: 4000 };
    const { spool: first } = await openSpool(limits);
    await first.begin(emptyHeader());
    while (!first.isFull) await fill(first, 1);
    const last = first.lastSequence;
    await first.close();
    const { spool } = await openSpool(limits);
    expect([spool.isFull, spool.lastSequence]).toEqual([true, last]);
    for (let sequence = spool.firstSequence; sequence <= last; sequence++) {
      const records = await spool.read(sequence, 1);
      expect(records.map((record) => record.sequence)).toEqual([sequence]);
    }
    await spool.release(last);
    await fill(spool, 1);
    expect([spool.isFull, spool.lastSequence]).toEqual([false, last + 1]);
  });

  it("gives the newest segment's place back too when it is full and all is applied", async () => {
    const { spool } = await openSpool({
      ...spoolOptions(disk),
      bytesMax: 2500,
      segmentBytes: 9000,
    });
    await spool.begin(emptyHeader());
    while (!spool.isFull) await fill(spool, 1);
    expect(spool.segmentCount).toBe(1);
    await spool.release(spool.lastSequence);
    expect(spool.isFull).toBe(false);
  });

  it("reads a tombstone in the place of a condemned record, also after a restart", async () => {
    const spool = await filledSpool(disk, 6);
    const sealed = await spool.readSealed(3);
    const tombstone = { ...sealed.record, payload: Buffer.from("tombstone"), rawBytes: 9 };
    const ledger = [
      { source: "app", kind: "aggregated", reason: "", lines: -1, bytes: -10 },
    ] as const;
    await spool.condemn(tombstone, { ledger, heldBefore: [] });
    for (const opened of [spool, await reopened()]) {
      expect((await opened.read(3, 1))[0]?.payload.toString()).toBe("tombstone");
      expect((await opened.readSealed(3)).record.payload.equals(sealed.record.payload)).toBe(true);
      expect((await opened.read(4, 1))[0]?.sequence).toBe(4);
      expect(opened.state?.ledger()[0]?.lines).toBe(5);
    }
  });

  it("tells the digest before a record", async () => {
    const spool = await filledSpool(disk, 6);
    const digests = await digestsOf(spool);
    expect(await spool.digestBefore(4)).toBe(digests.get(3));
    expect(await spool.digestBefore(1)).toMatch(/^0{32}$/);
  });
});

describe("a spool whose disk fails", () => {
  it.each(["write", "sync", "open", "syncDirectory", "truncate"])(
    "SPL-03 at every %s keeps what was synced, takes the batch when it works again, and shows it once",
    async (operation) => {
      for (let at = 0; at < 12; at++) {
        disk = new MemoryDisk();
        const spool = await filledSpool(disk, 2);
        let count = 0;
        disk.fault = (found) => (found === operation && count++ === at ? "EIO" : undefined);
        let failureCount = 0;
        for (let step = 0; step < 8; ) {
          const { batch, notes } = nextBatch(spool);
          try {
            await spool.append(batch, notes);
            step++;
          } catch (error) {
            expect(error).toMatchObject({ code: "DISK_FAILED", retry: "later" });
            expect(spool.hasFailed).toBe(true);
            expect((await digestsOf(spool)).size).toBe(2 + step);
            failureCount++;
          }
        }
        expect(failureCount).toBe(count > at ? 1 : 0);
        disk.revive();
        const digests = await digestsOf(await reopened());
        expect([...digests.keys()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        expect(digests).toEqual(await digestsOf(await filledSpool(new MemoryDisk(), 10)));
      }
    },
  );

  it("SPL-03 never trusts the bytes of a failed sync: it goes on in a new segment", async () => {
    const spool = await filledSpool(disk, 1);
    failing("sync");
    const { batch, notes } = nextBatch(spool);
    await expect(spool.append(batch, notes)).rejects.toMatchObject({ code: "DISK_FAILED" });
    disk.revive();
    const count = spool.segmentCount;
    await spool.append(batch, notes);
    expect(spool.segmentCount).toBe(count + 1);
    expect((await openSpool(spoolOptions(disk.afterPowerCut("lose")))).spool.lastSequence).toBe(2);
  });

  it("is still read and deleted from while nothing can be written", async () => {
    const spool = await filledSpool(disk, 9);
    failing("write", "sync");
    const { batch, notes } = nextBatch(spool);
    await expect(spool.append(batch, notes)).rejects.toThrow();
    expect((await spool.read(1, 1_000_000)).length).toBe(9);
    await spool.release(9);
    expect(spool.firstSequence).toBeGreaterThan(6);
  });

  it("gives its place back when it is full, failed and drained at once", async () => {
    const { spool } = await openSpool({
      ...spoolOptions(disk),
      bytesMax: 2500,
      segmentBytes: 9000,
    });
    await spool.begin(emptyHeader());
    while (!spool.isFull) await fill(spool, 1);
    const { batch, notes } = nextBatch(spool);
    failing("write");
    await expect(spool.append(batch, notes)).rejects.toThrow();
    disk.revive();
    await spool.release(spool.lastSequence);
    expect({ isFull: spool.isFull, hasFailed: spool.hasFailed }).toEqual({
      isFull: false,
      hasFailed: false,
    });
  });

  it("says SPOOL_CORRUPT when synced bytes are gone, on reading and on repair", async () => {
    const spool = await filledSpool(disk, 3);
    const names = await disk.list(SPOOL_FOLDER);
    for (const name of names) {
      const file = await disk.open(`${SPOOL_FOLDER}/${name}`, "write");
      const { bytes } = await file.stat();
      await file.write(Buffer.from("harm"), bytes - 8);
    }
    await expect(spool.read(3, 1)).rejects.toMatchObject({ code: "SPOOL_CORRUPT" });
    failing("write");
    const { batch, notes } = nextBatch(spool);
    await expect(spool.append(batch, notes)).rejects.toMatchObject({ code: "DISK_FAILED" });
    disk.revive();
    await expect(spool.append(batch, notes)).rejects.toMatchObject({ code: "SPOOL_CORRUPT" });
  });
});

describe("a spool that ends an epoch", () => {
  it("keeps its segments until they are dropped, and begins the next one behind them", async () => {
    const spool = await filledSpool(disk, 4);
    await spool.retire();
    const { numbers, epochs } = spool.retained;
    expect(epochs.length).toBe(1);
    await spool.begin(emptyHeader(EPOCH_TWO));
    await fill(spool, 2);
    expect((await openSpool(spoolOptions(disk))).condition).toBe("unfinished");
    for (const number of numbers) await spool.dropRetained(number);
    expect(spool.epochs).toEqual([EPOCH_TWO]);
    const { spool: next, condition } = await openSpool(spoolOptions(disk));
    expect(condition).toBe("whole");
    expect(next.lastSequence).toBe(2);
  });
});
