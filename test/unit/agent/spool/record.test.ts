import { describe, expect, it } from "vitest";
import {
  announcedBytes,
  decodeRecord,
  encodeRecord,
  epochSalt,
  FRAME_BYTES,
  findMark,
  readNotes,
} from "../../../../agent/spool/record.ts";
import { EPOCH, EPOCH_TWO } from "./sample-spool.ts";

const entry = {
  kind: "sealed",
  record: {
    sequence: 2 ** 40,
    digest: "00112233445566778899aabbccddeeff",
    rawBytes: 77,
    payload: Buffer.from("payload"),
  },
  notes: {
    ledger: [{ source: "app", kind: "rejected", reason: "not_json", lines: 1, bytes: 9 }],
    heldBefore: [{ file: 3, generation: 1, ranges: [{ from: 5, to: 8 }] }],
  },
} as const;
const bytes = encodeRecord(entry, epochSalt(EPOCH));

describe("a record of the spool", () => {
  it("reads back what was written, notes included", () => {
    const found = decodeRecord(bytes, epochSalt(EPOCH));
    expect(found?.kind).toBe("sealed");
    expect(found?.record).toEqual(entry.record);
    expect(found?.bytes).toBe(bytes.length);
    expect(readNotes(found?.notesBytes ?? Buffer.alloc(0))).toEqual(entry.notes);
    expect(announcedBytes(bytes.subarray(0, FRAME_BYTES))).toBe(bytes.length);
  });

  it("keeps the bytes that FORMAT.md draws", () => {
    expect(bytes.toString("latin1", 0, 4)).toBe("\x9eTSr");
    expect(bytes.readUInt32LE(4)).toBe(bytes.length - 12);
    expect(bytes[12]).toBe(1);
    expect(bytes.readBigUInt64LE(13)).toBe(2n ** 40n);
    expect(bytes.toString("hex", 21, 37)).toBe(entry.record.digest);
    expect(bytes.readUInt32LE(37)).toBe(77);
    expect(bytes.toString("utf8", 45, 45 + bytes.readUInt32LE(41))).toBe(
      JSON.stringify(entry.notes),
    );
    expect(bytes.subarray(-7).toString()).toBe("payload");
  });

  it("is no record in another epoch, cut short, or with any byte changed", () => {
    expect(decodeRecord(bytes, epochSalt(EPOCH_TWO))).toBeUndefined();
    expect(decodeRecord(bytes.subarray(0, -1), epochSalt(EPOCH))).toBeUndefined();
    for (let at = 0; at < bytes.length; at++) {
      const harmed = Buffer.from(bytes);
      harmed[at] = (harmed[at] ?? 0) ^ 0x40;
      expect(decodeRecord(harmed, epochSalt(EPOCH))).toBeUndefined();
    }
  });

  it("is found by its mark", () => {
    const noise = Buffer.concat([Buffer.from("TSr\x9e", "latin1"), bytes]);
    expect(findMark(noise, 0)).toBe(4);
    expect(findMark(noise, 5)).toBe(-1);
  });
});
