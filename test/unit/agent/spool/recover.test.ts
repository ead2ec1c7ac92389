import { describe, expect, it } from "vitest";
import {
  judgeSegments,
  type ScannedSegment,
  scanSegment,
} from "../../../../agent/spool/recover.ts";
import { segmentName } from "../../../../agent/spool/segment.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { EPOCH, EPOCH_TWO, emptyHeader, filledSpool, SPOOL_FOLDER } from "./sample-spool.ts";

function segment(number: number, changes: Partial<ScannedSegment> = {}): ScannedSegment {
  const next = number * 10;
  return {
    number,
    header: { ...emptyHeader(), nextSequence: next, previousDigest: `d${next - 1}` },
    epochs: new Set([EPOCH]),
    headerBytes: 100,
    bytes: 500,
    goodBytes: 500,
    recordCount: 10,
    lastSequence: next + 9,
    lastDigest: `d${next + 9}`,
    tombstones: [],
    gapCount: 0,
    ...changes,
  };
}
const unusable = { header: undefined, recordCount: 0 };
const otherEpoch = { header: { ...emptyHeader(EPOCH_TWO), nextSequence: 1 } };

describe("the segments of a spool are judged", () => {
  it("whole when each continues the one before", () => {
    expect(judgeSegments([segment(1), segment(2)])).toEqual({
      condition: "whole",
      unused: [],
      cutBytes: undefined,
    });
  });

  it("absent when there is none that was ever used", () => {
    expect(judgeSegments([])).toEqual({ condition: "absent", unused: [] });
    expect(judgeSegments([segment(1, unusable)])).toEqual({ condition: "absent", unused: [1] });
  });

  it("OFF-02 whole but for a torn tail, and a newest segment that was being made", () => {
    const torn = segment(2, { goodBytes: 400 });
    expect(judgeSegments([segment(1), torn, segment(3, unusable)])).toEqual({
      condition: "whole",
      unused: [3],
      cutBytes: 400,
    });
  });

  it.each([
    ["a gap in the newest", [segment(1, { gapCount: 1 })]],
    ["a gap before the newest", [segment(1, { gapCount: 1 }), segment(2)]],
    ["a bad end before the newest", [segment(1, { goodBytes: 400 }), segment(2)]],
    ["a missing segment", [segment(1), segment(3)]],
    ["a chain that breaks", [segment(1, { lastDigest: "other" }), segment(2)]],
    ["a header that is gone", [segment(1, { header: undefined }), segment(2)]],
    [
      "a gap in an epoch that was being replaced",
      [segment(1, { gapCount: 1 }), segment(2, otherEpoch)],
    ],
  ])("damaged with %s", (_, segments) => {
    expect(judgeSegments(segments)).toMatchObject({
      condition: "damaged",
      detail: expect.stringMatching(/segment/),
    });
  });

  it("unfinished with two epochs, whatever a crash left of the newer one", () => {
    for (const changes of [{}, { gapCount: 1 }, { goodBytes: 300 }]) {
      expect(
        judgeSegments([segment(1, { goodBytes: 400 }), segment(2, { ...otherEpoch, ...changes })])
          .condition,
      ).toBe("unfinished");
    }
  });
});

describe("a scan", () => {
  it("shows every good record behind a damaged one and says that some may be missing", async () => {
    const disk = new MemoryDisk();
    const { openSpool } = await import("../../../../agent/spool/open-spool.ts");
    const { fill, spoolOptions } = await import("./sample-spool.ts");
    const { spool } = await openSpool({ ...spoolOptions(disk), segmentBytes: 100_000 });
    await spool.begin(emptyHeader());
    await fill(spool, 3);
    const path = `${SPOOL_FOLDER}/${segmentName(1)}`;
    const file = await disk.open(path, "write");
    const { bytes } = await file.stat();
    const visited: [number, boolean][] = [];
    const visitor = {
      record: async ({
        found,
        isAfterGap,
      }: {
        found: { record: { sequence: number } };
        isAfterGap: boolean;
      }) => {
        visited.push([found.record.sequence, isAfterGap]);
      },
    };
    const whole = await scanSegment(file, { number: 1, path }, [], visitor);
    expect(whole).toMatchObject({ recordCount: 3, lastSequence: 3, gapCount: 0, goodBytes: bytes });
    const recordBytes = Math.floor((bytes - whole.headerBytes) / 3);
    await file.write(Buffer.from("harm"), whole.headerBytes + recordBytes + 40);
    const harmed = await scanSegment(file, { number: 1, path }, [], visitor);
    expect(harmed).toMatchObject({
      recordCount: 2,
      lastSequence: 3,
      gapCount: 2,
      goodBytes: bytes,
    });
    expect(visited.slice(3)).toEqual([
      [1, false],
      [3, true],
    ]);
  });

  it("finds a record whose mark lies across two pieces of the search", async () => {
    const spoolDisk = new MemoryDisk();
    await filledSpool(spoolDisk, 1);
    const bytes = [...spoolDisk.contents().values()][0] ?? Buffer.alloc(0);
    const head = bytes.indexOf(Buffer.from("\x9eTSr", "latin1"));
    const record = bytes.subarray(head);
    for (const noise of [65_520, 65_533, 65_534, 65_535, 65_536, 65_540, 131_070]) {
      const spoiled = Buffer.concat([bytes.subarray(0, head), Buffer.alloc(noise), record]);
      const disk = MemoryDisk.holding(new Map([["/file", spoiled]]));
      const found = await scanSegment(
        await disk.open("/file", "read"),
        { number: 1, path: "/file" },
        [],
      );
      expect(found).toMatchObject({ recordCount: 1, gapCount: 1, goodBytes: spoiled.length });
    }
  });
});
