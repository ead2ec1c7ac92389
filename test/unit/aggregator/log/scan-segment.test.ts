import { describe, expect, it } from "vitest";
import {
  addToIndex,
  INDEX_STEP_BYTES,
  type IndexEntry,
  type ScannedSegment,
  scanSegment,
} from "../../../../aggregator/log/scan-segment.ts";
import { SEGMENT_HEADER_BYTES } from "../../../../aggregator/log/segment-format.ts";
import { frameBytes, segmentBytes } from "./segment-bytes.ts";

const three = [
  { position: 10, payload: "first" },
  { position: 11, payload: "" },
  { position: 12, payload: "third" },
];

function scanned(bytes: Buffer): ScannedSegment {
  const found = scanSegment(bytes);
  if (typeof found !== "object") throw new Error(`no segment but ${found}`);
  return found;
}

describe("scanning a segment", () => {
  it("finds every record of a whole one", () => {
    const { bytes, offsets } = segmentBytes(10, three);
    const found = scanned(bytes);
    expect(found).toMatchObject({
      endPosition: 13,
      goodBytes: bytes.length,
      isEnded: false,
      appendedAtMsMax: 1_012,
      rest: "none",
      index: [{ position: 10, offset: offsets[0] }],
    });
  });

  it("knows that an ended one is ended, whatever lies behind", () => {
    const { bytes } = segmentBytes(10, [...three, { kind: "end", position: 13 }]);
    expect(scanned(bytes)).toMatchObject({ endPosition: 13, isEnded: true, rest: "none" });
    const stale = Buffer.concat([bytes, frameBytes({ position: 14, syncedBytes: 64 })]);
    expect(scanned(stale)).toMatchObject({ endPosition: 13, isEnded: true, rest: "torn" });
  });

  it("keeps the records that are whole when the file is cut at any byte", () => {
    const { bytes, offsets } = segmentBytes(10, [...three, { kind: "end", position: 13 }]);
    for (let length = SEGMENT_HEADER_BYTES; length < bytes.length; length++) {
      const found = scanned(bytes.subarray(0, length));
      const wholeFrames = offsets.filter((offset) => offset <= length).length - 1;
      expect(found, `cut at ${length}`).toMatchObject({
        endPosition: 10 + wholeFrames,
        goodBytes: offsets[wholeFrames],
        isEnded: false,
        rest: offsets.includes(length) ? "none" : "torn",
      });
    }
    for (let length = 0; length < SEGMENT_HEADER_BYTES; length++) {
      expect(scanSegment(bytes.subarray(0, length))).toBe("torn");
    }
  });

  it("takes harm at any byte of the last frame for a torn tail, and earlier for corruption", () => {
    const { bytes, offsets } = segmentBytes(10, three);
    const last = offsets[2] ?? 0;
    for (let offset = SEGMENT_HEADER_BYTES; offset < bytes.length; offset++) {
      const harmed = Buffer.from(bytes);
      harmed[offset] = (harmed[offset] ?? 0) ^ 0x55;
      const found = scanned(harmed);
      expect(found.rest, `byte ${offset}`).toBe(offset >= last ? "torn" : "corrupt");
      expect(found.goodBytes).toBe(offsets.findLast((start) => start <= offset));
    }
  });

  it("takes good frames behind a bad one for a torn tail when none of it had been synced", () => {
    const { bytes, offsets } = segmentBytes(10, [
      { position: 10, payload: "synced" },
      { position: 11, payload: "lost by a power cut", syncedBytes: 102 },
      { position: 12, payload: "kept by it", syncedBytes: 102 },
    ]);
    expect(offsets[1]).toBe(102);
    bytes.fill(0, offsets[1], offsets[2]);
    expect(scanned(bytes)).toMatchObject({ endPosition: 11, goodBytes: 102, rest: "torn" });
  });

  it("does not take a payload for a frame, however much it looks like one", () => {
    const forged = frameBytes({ position: 12, syncedBytes: 1_000 }, Buffer.from("guessed!"));
    const { bytes, offsets } = segmentBytes(10, [
      { position: 10, payload: "good" },
      { position: 11, payload: `${"x".repeat(50)}${forged.toString("latin1")}` },
    ]);
    const torn = bytes.subarray(0, bytes.length - 1);
    expect(scanned(torn)).toMatchObject({ endPosition: 11, goodBytes: offsets[1], rest: "torn" });
  });

  it("stops where positions do not follow each other", () => {
    const { bytes } = segmentBytes(10, [{ position: 10 }, { position: 12 }]);
    expect(scanned(bytes)).toMatchObject({ endPosition: 11, rest: "corrupt" });
  });
});

describe("the index of a segment", () => {
  it("has an entry for the first record and then one for each step", () => {
    const index: IndexEntry[] = [];
    for (let position = 0; position < 100; position++) {
      addToIndex(index, { position, offset: 64 + position * 5_000 });
    }
    expect(index[0]).toEqual({ position: 0, offset: 64 });
    for (const [number, entry] of index.entries()) {
      const next = index[number + 1];
      if (next !== undefined) {
        expect(next.offset - entry.offset).toBeGreaterThanOrEqual(INDEX_STEP_BYTES);
        expect(next.offset - entry.offset).toBeLessThan(INDEX_STEP_BYTES + 5_000);
      }
    }
  });
});
