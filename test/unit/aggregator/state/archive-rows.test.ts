import { describe, expect, it } from "vitest";
import {
  type ArchiveItem,
  beginItems,
  encodeArchiveRow,
  readArchiveRow,
  readArrival,
  readBlock,
  writeArrival,
  writeItem,
} from "../../../../aggregator/state/archive-rows.ts";
import { ByteReader } from "../../../../aggregator/state/byte-reader.ts";
import { ByteWriter } from "../../../../aggregator/state/byte-writer.ts";
import { ARCHIVE_KEY, archiveBlockKey } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { sampleItems } from "../archive/sample-items.ts";

function rowOf(items: readonly ArchiveItem[]): Buffer {
  const writer = new ByteWriter();
  beginItems(writer);
  for (const item of items) writeItem(writer, item);
  return writer.finish();
}

describe("rows of the archive", () => {
  it("give back the items of a block with their positions", async () => {
    const items = sampleItems();
    const store = new MemoryStore();
    await store.commit([
      { key: archiveBlockKey(6, 0), value: rowOf(items.slice(3)) },
      { key: archiveBlockKey(7, 9), value: rowOf(items.slice(0, 2)) },
      { key: archiveBlockKey(7, 11), value: rowOf(items.slice(2)) },
      { key: archiveBlockKey(8, 9), value: rowOf(items.slice(1)) },
    ]);
    expect([...readBlock(store, 7)]).toEqual(items.map((item, index) => [9 + index, item]));
    expect([...readBlock(store, 5)]).toEqual([]);
  });

  it("say how much waits, nothing before the first commit", async () => {
    const store = new MemoryStore();
    const none = readArchiveRow(store);
    expect(none).toMatchObject({ block: 0, firstBlock: 0, position: 0, waitingBytes: 0 });
    for (const openSinceMs of [undefined, -5, 1_790_000_000_000]) {
      const row = {
        ...none,
        block: 3,
        firstBlock: 2,
        position: 2 ** 40,
        openItems: 4,
        openSinceMs,
      };
      await store.commit([{ key: ARCHIVE_KEY, value: encodeArchiveRow(row) }]);
      expect(readArchiveRow(store)).toEqual(row);
    }
  });

  it("carry arrivals within other rows", () => {
    const writer = new ByteWriter();
    const arrivals = sampleItems().flatMap((item) => {
      if (item.kind === "delta") return [];
      const { fate: _fate, ...arrival } = item;
      return [arrival];
    });
    for (const arrival of arrivals) writeArrival(writer, arrival);
    const reader = new ByteReader(writer.finish(), "LOG_CORRUPT");
    expect(arrivals.map(() => readArrival(reader))).toEqual(arrivals);
    expect(reader.atEnd).toBe(true);
  });

  it("that are damaged are refused, never guessed", async () => {
    const store = new MemoryStore();
    const key = archiveBlockKey(0, 0);
    for (const [bytes, what] of [
      [Buffer.of(9), /format version 9/],
      [Buffer.of(1, 9, 0), /kind 9/],
      [Buffer.of(1, 2, 7), /fate/],
    ] as const) {
      await store.commit([{ key, value: bytes }]);
      expect(() => [...readBlock(store, 0)]).toThrow(what);
    }
    const broken = new ByteReader(Buffer.of(1), "LOG_CORRUPT");
    expect(() => readArrival(broken)).toThrow(/kind 1/);
  });
});
