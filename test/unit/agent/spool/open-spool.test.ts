import { describe, expect, it } from "vitest";
import { openSpool } from "../../../../agent/spool/open-spool.ts";
import { encodeHeader, segmentName } from "../../../../agent/spool/segment.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { EPOCH, emptyHeader, filledSpool, SPOOL_FOLDER, spoolOptions } from "./sample-spool.ts";

const path = (number: number) => `${SPOOL_FOLDER}/${segmentName(number)}`;

describe("opening a spool", () => {
  it("finds nothing in an empty folder, and leaves other files alone", async () => {
    const disk = MemoryDisk.holding(new Map([[`${SPOOL_FOLDER}/notes.txt`, Buffer.from("mine")]]));
    const { condition, spool, logId } = await openSpool(spoolOptions(disk));
    expect({ condition, logId, epochs: spool.epochs }).toEqual({
      condition: "absent",
      logId: undefined,
      epochs: [],
    });
    expect(disk.contents().size).toBe(1);
  });

  it("cuts a torn tail, says how long it was, and syncs what it takes over", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 3);
    const contents = disk.contents();
    const last = [...contents.keys()].sort().at(-1) ?? "";
    const bytes = contents.get(last) ?? Buffer.alloc(0);
    contents.set(last, Buffer.concat([bytes, bytes.subarray(-50)]));
    const torn = MemoryDisk.holding(contents);
    const { condition, cutBytes, spool } = await openSpool(spoolOptions(torn));
    expect({ condition, cutBytes, last: spool.lastSequence }).toEqual({
      condition: "whole",
      cutBytes: 50,
      last: 3,
    });
    expect(torn.afterPowerCut("lose").contents().get(last)?.length).toBe(bytes.length);
  });

  it("OFF-02 counts a folder whose first header was not synced as absent", async () => {
    const header = encodeHeader(emptyHeader());
    for (let length = 0; length < header.length; length += 5) {
      const disk = MemoryDisk.holding(new Map([[path(1), header.subarray(0, length)]]));
      expect((await openSpool(spoolOptions(disk))).condition).toBe("absent");
      expect(disk.contents().size).toBe(0);
    }
  });

  it("takes damaged records' neighbours over with the hinted epoch when the only header is gone", async () => {
    const disk = new MemoryDisk();
    const { spool: first } = await openSpool({ ...spoolOptions(disk), segmentBytes: 100_000 });
    await first.begin(emptyHeader());
    const { fill } = await import("./sample-spool.ts");
    await fill(first, 3);
    const contents = disk.contents();
    contents.get(path(1))?.fill(0, 0, 12);
    const found = await openSpool(spoolOptions(MemoryDisk.holding(contents)), EPOCH);
    expect(found.condition).toBe("damaged");
    const sequences: number[] = [];
    await found.spool.scanRetained(1, {
      record: async ({ found: record }) => {
        sequences.push(record.record.sequence);
      },
    });
    expect(sequences).toEqual([1, 2, 3]);
  });

  it("refuses the spool of another agent and says what to do", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 1);
    await expect(openSpool({ ...spoolOptions(disk), agent: "web-2" })).rejects.toMatchObject({
      code: "AGENT_MISMATCH",
      message: expect.stringMatching(/web-1.*web-2.*data_dir/),
    });
  });

  it("fails with DISK_FAILED when the folder cannot be read", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 1);
    disk.fault = (operation) => (operation === "sync" ? "EIO" : undefined);
    await expect(openSpool(spoolOptions(disk))).rejects.toMatchObject({ code: "DISK_FAILED" });
  });
});
