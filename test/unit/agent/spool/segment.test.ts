import { describe, expect, it } from "vitest";
import {
  encodeHeader,
  readHeader,
  SegmentWindow,
  segmentName,
  segmentNumber,
} from "../../../../agent/spool/segment.ts";
import { MemoryDisk } from "./memory-disk.ts";
import { emptyHeader, sampleCheckpoint } from "./sample-spool.ts";

async function windowOf(bytes: Buffer): Promise<SegmentWindow> {
  const disk = MemoryDisk.holding(new Map([["/file", bytes]]));
  return new SegmentWindow(await disk.open("/file", "read"));
}

const header = {
  ...emptyHeader(),
  before: { epoch: "e", sequence: 4, digest: "d" },
  starts: [{ file: 3, offset: 70 }],
  checkpoints: [
    sampleCheckpoint({ offset: 9, held: [{ from: 1, to: 2 }], birthMs: 5 }),
    sampleCheckpoint({ file: 1 }),
  ],
  ledger: [
    { source: "app", kind: "lost", reason: "truncated_unread", lines: 0, bytes: 3 } as const,
  ],
};

describe("the header of a segment", () => {
  it("reads back what was written, also what is undefined", async () => {
    const bytes = encodeHeader(header);
    const found = await readHeader(await windowOf(bytes), "/file");
    expect(found).toEqual({ header, bytes: bytes.length });
    expect(
      (await readHeader(await windowOf(encodeHeader(emptyHeader())), "/file"))?.header,
    ).toEqual(emptyHeader());
  });

  it("is none when it is cut or changed anywhere", async () => {
    const bytes = encodeHeader(header);
    expect(await readHeader(await windowOf(bytes.subarray(0, -1)), "/file")).toBeUndefined();
    for (let at = 0; at < bytes.length; at += 7) {
      const harmed = Buffer.from(bytes);
      harmed[at] = (harmed[at] ?? 0) ^ 1;
      expect(await readHeader(await windowOf(harmed), "/file")).toBeUndefined();
    }
  });

  it("OFF-02, SPL-08 of another format is refused with the format and what to do", async () => {
    const { crc32 } = await import("node:zlib");
    const bytes = encodeHeader(header);
    bytes.writeUInt32LE(2, 8);
    bytes.writeUInt32LE(crc32(bytes.subarray(20), crc32(bytes.subarray(8, 16))), 16);
    await expect(readHeader(await windowOf(bytes), "/file")).rejects.toMatchObject({
      code: "FORMAT_UNKNOWN",
      message: expect.stringContaining("format 2; this version reads format 1"),
    });
  });
});

describe("the name of a segment", () => {
  it("tells its number, and other names tell none", () => {
    expect(segmentName(12)).toBe("segment-000000000012.spool");
    expect(segmentNumber(segmentName(12))).toBe(12);
    expect(segmentNumber("segment-12.spool")).toBeUndefined();
    expect(segmentNumber("epoch.new")).toBeUndefined();
  });
});

describe("a window on a segment", () => {
  const content = Buffer.alloc(2 * 1024 * 1024, "0123456789");

  /** A window over `content`, and how much it asked for each time. */
  async function watchedWindow() {
    const disk = MemoryDisk.holding(new Map([["/file", content]]));
    const file = await disk.open("/file", "read");
    const asked: number[] = [];
    const read: typeof file.read = (target, targetOffset, length, position) => {
      asked.push(length);
      return file.read(target, targetOffset, length, position);
    };
    return { window: new SegmentWindow({ ...file, read }), asked };
  }

  it("reads little for one record, and more and more for all of them", async () => {
    const { window, asked } = await watchedWindow();
    await window.read(700_000, 500);
    await window.read(300, 500);
    expect(asked).toEqual([4_096, 4_096]);
    for (let position = 800; position < content.length; position += 500) {
      const piece = await window.read(position, 500);
      expect(piece.equals(content.subarray(position, position + 500))).toBe(true);
    }
    expect(asked.length).toBeLessThan(20);
    expect(Math.max(...asked)).toBe(256 * 1024);
  });

  it("reads little again once it came to the end", async () => {
    const { window, asked } = await watchedWindow();
    for (let position = 0; position < content.length; position += 5_000) {
      await window.read(position, 5_000);
    }
    asked.length = 0;
    await window.read(1_000, 50);
    expect(asked).toEqual([4_096]);
  });

  it("shows any part of the file, and less only at its end", async () => {
    const bytes = Buffer.from(Array.from({ length: 600_000 }, (_, at) => at % 251));
    const window = await windowOf(bytes);
    for (const [position, length] of [
      [0, 10],
      [5, 300_000],
      [262_100, 200],
      [599_990, 50],
      [3, 4],
    ] as const) {
      const part = await window.read(position, length);
      expect(part.equals(bytes.subarray(position, position + length))).toBe(true);
    }
    expect((await window.read(700_000, 5)).length).toBe(0);
  });
});
