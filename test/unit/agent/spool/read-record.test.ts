import { describe, expect, it } from "vitest";
import { RecordReader } from "../../../../agent/spool/read-record.ts";
import { encodeRecord, epochSalt } from "../../../../agent/spool/record.ts";
import { segmentName } from "../../../../agent/spool/segment.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { EPOCH } from "./sample-spool.ts";

const salt = epochSalt(EPOCH);
const frame = (sequence: number, kind: "sealed" | "tombstone" = "sealed") =>
  encodeRecord(
    {
      kind,
      record: {
        sequence,
        digest: "00".repeat(16),
        rawBytes: 1,
        payload: Buffer.from(`p${sequence}`),
      },
      notes: { ledger: [], heldBefore: [] },
    },
    salt,
  );
const path = `/spool/${segmentName(1)}`;
const segment = { number: 1, headerBytes: 0 };

describe("reading single records", () => {
  it("finds any record of a segment, in a row or not, and passes tombstones over", async () => {
    const bytes = Buffer.concat([frame(1), frame(9, "tombstone"), frame(2), frame(3)]);
    const reader = new RecordReader(MemoryDisk.holding(new Map([[path, bytes]])), "/spool", salt);
    for (const sequence of [1, 2, 3, 2, 1, 3]) {
      const { record } = await reader.readSealed(segment, sequence);
      expect(record.payload.toString()).toBe(`p${sequence}`);
    }
  });

  it("sees a record that was not whole when it looked the last time", async () => {
    const disk = MemoryDisk.holding(
      new Map([[path, Buffer.concat([frame(1), Buffer.alloc(frame(2).length)])]]),
    );
    const reader = new RecordReader(disk, "/spool", salt);
    await reader.readSealed(segment, 1);
    await (await disk.open(path, "write")).write(frame(2), frame(1).length);
    expect((await reader.readSealed(segment, 2)).record.sequence).toBe(2);
  });

  it("says SPOOL_CORRUPT for bytes that are no record or another one, DISK_FAILED for none at all", async () => {
    const reader = (bytes: Buffer) =>
      new RecordReader(MemoryDisk.holding(new Map([[path, bytes]])), "/spool", salt);
    await expect(reader(Buffer.from("nothing")).readSealed(segment, 1)).rejects.toMatchObject({
      code: "SPOOL_CORRUPT",
      facts: { offset: 0 },
    });
    await expect(
      reader(Buffer.concat([frame(1), frame(3)])).readSealed(segment, 2),
    ).rejects.toMatchObject({ code: "SPOOL_CORRUPT" });
    const gone = new RecordReader(new MemoryDisk(), "/spool", salt);
    await expect(gone.readSealed(segment, 1)).rejects.toMatchObject({ code: "DISK_FAILED" });
  });
});
