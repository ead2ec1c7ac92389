import { describe, expect, it } from "vitest";
import { RecentRecords } from "../../../../aggregator/log/recent-records.ts";

const record = (position: number, bytes: number) => ({
  position,
  appendedAtMs: 0,
  payload: Buffer.alloc(bytes),
});

describe("recent records", () => {
  it("are found from any position that is kept, up to the bytes asked for", () => {
    const recent = new RecentRecords(5, 1_000_000);
    for (let position = 5; position < 25; position++) recent.push(record(position, 100));
    const positionsFrom = (from: number, bytesMax: number) =>
      recent.read(from, bytesMax)?.map(({ position }) => position);
    expect(positionsFrom(5, 250)).toEqual([5, 6, 7]);
    expect(positionsFrom(23, 10_000)).toEqual([23, 24]);
    expect(positionsFrom(24, 1)).toEqual([24]);
    expect(positionsFrom(25, 1)).toEqual([]);
    expect(positionsFrom(4, 1)).toBeUndefined();
  });

  it("forget the oldest when they take too much room, empty ones too, but never the newest", () => {
    const recent = new RecentRecords(0, 1_600);
    for (let position = 0; position < 5_000; position++) {
      recent.push(record(position, position % 2 === 0 ? 0 : 50));
      expect(recent.read(position, 1)?.[0]?.position).toBe(position);
    }
    const kept = recent.read(4_995, 100_000)?.map(({ position }) => position);
    expect(kept).toEqual([4_995, 4_996, 4_997, 4_998, 4_999]);
    expect(recent.read(4_990, 100_000)).toBeUndefined();
    recent.push(record(5_000, 10_000));
    expect(recent.read(4_999, 1)).toBeUndefined();
    expect(recent.read(5_000, 1)?.[0]?.payload).toHaveLength(10_000);
  });

  it("keep no more in memory than their bytes, whatever these are a piece of", () => {
    const recent = new RecentRecords(0, 100_000);
    const shared = Buffer.alloc(65_536, 7);
    for (let position = 0; position < 20; position++) {
      const payload = shared.subarray(position, position + 100);
      recent.push({ position, appendedAtMs: 0, payload });
    }
    const found = recent.read(0, 100_000) ?? [];
    expect(found).toHaveLength(20);
    for (const { payload } of found) {
      expect(payload).toEqual(Buffer.alloc(100, 7));
      expect(payload.buffer.byteLength).toBeLessThanOrEqual(200);
    }
  });
});
