import { describe, expect, it } from "vitest";
import {
  ARCHIVE_DEFAULTS,
  ArchiveQueue,
  type ArchiveSettings,
} from "../../../../aggregator/process/archive-queue.ts";
import { readArchiveRow, readBlock } from "../../../../aggregator/state/archive-rows.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { deltaItem, eventItem } from "../archive/sample-items.ts";
import { TEN } from "../collect/sample-agent.ts";
import { keysOf } from "./sample-deltas.ts";

/** A queue on a store of its own. */
class Queue {
  readonly store = new MemoryStore();
  written = 0;
  isDraining = false;
  private readonly settings: ArchiveSettings;
  queue: ArchiveQueue;

  constructor(settings: Partial<ArchiveSettings> = {}) {
    this.settings = { ...ARCHIVE_DEFAULTS, ...settings };
    this.queue = this.open();
  }

  /** As after a crash: what was not committed is gone. */
  reopen(): void {
    this.queue = this.open();
  }

  async add(count: number, nowMs = 0): Promise<void> {
    this.queue.observeClock(nowMs);
    for (let index = 0; index < count; index++) this.queue.add(eventItem(index, index));
    await this.commit();
  }

  async commit(): Promise<void> {
    await this.store.commit(this.queue.flush());
  }

  get row() {
    return readArchiveRow(this.store);
  }

  get blocks(): number[] {
    return Array.from(
      { length: this.row.block },
      (_, block) => [...readBlock(this.store, block)].length,
    );
  }

  private open(): ArchiveQueue {
    return new ArchiveQueue(this.store, this.settings, {
      writtenBlocks: () => this.written,
      isDraining: () => this.isDraining,
    });
  }
}

const never = () => false;

describe("a block", () => {
  it("is closed by the flush in which it is large, and never changes from then on", async () => {
    const queue = new Queue({ blockBytesMax: 1_000 });
    await queue.add(2);
    expect(queue.row.block).toBe(0);
    await queue.add(30);
    expect(queue.blocks).toEqual([32]);
    await queue.add(1);
    expect(queue.blocks).toEqual([32]);
    expect(queue.row).toMatchObject({ position: 33, openItems: 1 });
    expect([...readBlock(queue.store, 1)].map(([position]) => position)).toEqual([32]);
  });

  it("is closed when the aggregator is about to stop, however new; none is made of nothing", async () => {
    const queue = new Queue();
    queue.isDraining = true;
    expect(queue.queue.hasWork).toBe(false);
    await queue.commit();
    expect(queue.row.block).toBe(0);
    queue.isDraining = false;
    await queue.add(3);
    expect(queue.queue.hasWork).toBe(false);
    queue.isDraining = true;
    expect(queue.queue.hasWork).toBe(true);
    await queue.commit();
    expect(queue.blocks).toEqual([3]);
    expect(queue.queue.hasWork).toBe(false);
  });

  it("is closed when it is old by the log's clock, without anything new, and after a restart", async () => {
    const queue = new Queue({ intervalMs: 1_000 });
    await queue.add(1, 5_000);
    await queue.add(1, 5_500);
    queue.queue.observeClock(5_999);
    expect(queue.queue.hasWork).toBe(false);
    queue.reopen();
    queue.queue.observeClock(6_000);
    expect(queue.queue.hasWork).toBe(true);
    await queue.commit();
    expect(queue.blocks).toEqual([2]);
    queue.queue.observeClock(9_000);
    expect(queue.queue.hasWork).toBe(false);
    expect(queue.queue.flush()).toEqual([]);
  });

  it("is closed when it would become many files", async () => {
    const queue = new Queue({ blockFilesMax: 3 });
    const day = 1_440;
    for (const minute of [TEN, TEN + 1, TEN + day]) queue.queue.add(deltaItem("a", minute));
    await queue.commit();
    expect(queue.row.block).toBe(0);
    queue.queue.add(deltaItem("b", TEN + 2 * day));
    await queue.commit();
    expect(queue.blocks).toEqual([4]);
  });
});

describe("what is archived", () => {
  it("is deleted block by block, as much as a flush has room for", async () => {
    const queue = new Queue({ blockBytesMax: 1 });
    for (let block = 0; block < 3; block++) await queue.add(2);
    queue.written = 2;
    expect(queue.queue.hasWork).toBe(true);
    queue.queue.run(() => queue.queue.openKeys > 2);
    await queue.commit();
    expect(queue.blocks).toEqual([0, 2, 2]);
    queue.reopen();
    queue.queue.run(never);
    await queue.commit();
    expect(queue.blocks).toEqual([0, 0, 2]);
    expect(queue.row.firstBlock).toBe(2);
    expect(queue.queue.hasWork).toBe(false);
    queue.written = 9;
    queue.queue.run(never);
    await queue.commit();
    expect(queue.row).toMatchObject({ firstBlock: 3, waitingBytes: 0 });
    expect(keysOf(queue.store, "archive-block")).toEqual([]);
  });

  it("is deleted whole when a block has more rows than a page", async () => {
    const queue = new Queue({ intervalMs: 1_000_000 });
    for (let row = 0; row < 600; row++) await queue.add(1);
    queue.queue.observeClock(1_000_000);
    await queue.commit();
    expect(queue.blocks).toEqual([600]);
    queue.written = 1;
    queue.queue.run(never);
    await queue.commit();
    expect(keysOf(queue.store, "archive-block")).toEqual([]);
    expect(queue.row.waitingBytes).toBe(0);
  });
});

describe("a queue that nobody empties", () => {
  it("leaves out what comes beyond its limit, counted, and goes on when there is room", async () => {
    const queue = new Queue({ waitingBytesMax: 2_000, blockBytesMax: 500 });
    for (let round = 0; round < 40; round++) await queue.add(3);
    const { shedItems, position, waitingBytes, block } = queue.row;
    expect(shedItems).toBeGreaterThan(0);
    expect(shedItems + position).toBe(120);
    expect(waitingBytes).toBeLessThan(2_600);
    queue.written = block;
    queue.queue.run(never);
    await queue.add(3);
    await queue.add(3);
    expect(queue.row.shedItems).toBeLessThan(shedItems + 6);
  });
});
