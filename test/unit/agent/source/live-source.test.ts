import { describe, expect, it } from "vitest";
import { containerLines } from "../../../../agent/parsers/container-events.ts";
import { readCriLine } from "../../../../agent/parsers/container-line.ts";
import type { LineFeed, TakenLines } from "../../../../agent/source/line-feed.ts";
import { WaitingLines } from "../../../../agent/source/waiting-lines.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import { LiveRun } from "./live-setup.ts";

/** A feed that a test fills. */
class FilledFeed implements LineFeed {
  readonly path = "test";
  hasEnded = false;
  fault: TailraceError | undefined;
  readonly openedAt: string[] = [];
  waiting = new WaitingLines(100, () => undefined);
  wake: () => void = () => undefined;

  get waitingBytes(): number {
    return this.waiting.bytes;
  }

  async open(position: string, wake: () => void): Promise<string> {
    if (this.fault !== undefined) throw this.fault;
    this.openedAt.push(position);
    this.waiting = new WaitingLines(100, wake);
    return position === "" ? "start" : position;
  }

  async tend(): Promise<void> {
    if (this.fault !== undefined) throw this.fault;
  }

  take(bytesMax: number): TakenLines {
    return this.waiting.take(bytesMax);
  }

  async close(): Promise<void> {
    this.waiting.close();
  }
}

describe("a live source", () => {
  it("stores where it begins before a line is taken", async () => {
    const run = new LiveRun(new FilledFeed());
    await run.source.discover();
    expect(run.source.checkpoints()).toMatchObject([{ file: 7, inode: "start", offset: 0 }]);
  });

  it("moves its position in the cut that has the lines, and goes on there", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed);
    await run.follow();
    feed.waiting.add(Buffer.from("a\nb\n"), "p2");
    expect(run.wakeCount).toBe(1);
    await run.follow();
    expect(run.counted).toEqual(["a", "b"]);
    expect(run.stored.get(7)).toMatchObject({ inode: "p2", offset: 4, from: 0, path: "test" });
    feed.waiting.add(Buffer.from("c\n"), "p3");
    await run.source.discover();
    await run.read();
    const next = new FilledFeed();
    await run.restart(next);
    await run.follow();
    expect(next.openedAt).toEqual(["p2"]);
    expect(run.counted).toEqual(["a", "b"]);
  });

  it("balances what it refused with its position, and lost lines without", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed);
    await run.follow();
    feed.waiting.add(Buffer.from("a\n"));
    feed.waiting.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes: 10 });
    feed.waiting.refuse({ kind: "lost", reason: "queue_full", lines: 2, bytes: 20 });
    await run.follow();
    expect(run.offset).toBe(12);
    expect(run.ledgerText.toSorted()).toEqual([
      "aggregated  1 2",
      "lost queue_full 2 20",
      "rejected too_long 1 10",
    ]);
  });

  it("joins lines of an event, and moves past it when it is counted", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { joins: (line) => !line.startsWith(" ") });
    await run.follow();
    feed.waiting.add(Buffer.from("a\n b\n"), "p1");
    await run.follow();
    expect(run.counted).toEqual([]);
    expect(run.stored.get(7)).toMatchObject({ inode: "start", offset: 0 });
    feed.waiting.add(Buffer.from(" c\nd\n"), "p2");
    await run.follow();
    expect(run.counted).toEqual(["a\n b\n c"]);
    expect(run.stored.get(7)).toMatchObject({ inode: "start", offset: 8 });
    run.nowMs += 1000;
    await run.follow();
    expect(run.counted).toEqual(["a\n b\n c", "d"]);
    expect(run.stored.get(7)).toMatchObject({ inode: "p2", offset: 10 });
  });

  it("joins pieces of a container's line that come one by one, however late and however many", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { joins: containerLines(readCriLine, undefined) });
    const piece = (tag: "P" | "F", text: string) =>
      feed.waiting.add(Buffer.from(`2026-11-20T10:00:00Z stdout ${tag} ${text}\n`));
    await run.follow();
    for (let count = 0; count < 40; count++) {
      piece("P", `${count}`);
      await run.follow();
      run.nowMs += 2000;
      await run.follow();
    }
    piece("F", "end");
    piece("F", "next");
    await run.follow();
    run.nowMs += 2000;
    await run.follow();
    expect(run.counted.map((event) => event.slice(30, 34))).toEqual(["0\n20", "next"]);
    expect(run.ledgerText.join()).toContain("filtered joined 40 ");
  });

  it("counts what was received before it is closed for good", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { joins: () => true });
    await run.follow();
    feed.waiting.add(Buffer.from("a\nb\n"));
    await run.source.drain();
    run.store();
    expect(run.counted).toEqual(["a", "b"]);
  });

  it("counts what was received even when its counter is full", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { isFull: true });
    await run.follow();
    feed.waiting.add(Buffer.from("a\n"));
    feed.waiting.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes: 10 });
    await run.follow();
    expect(run.counted).toEqual([]);
    await run.source.drain();
    run.store();
    expect(run.counted).toEqual(["a"]);
    expect(run.ledgerText).toContain("rejected too_long 1 10");
  });

  it("has not ended before the last refusal is in the ledger", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { once: true });
    await run.follow();
    feed.waiting.refuse({ kind: "rejected", reason: "too_long", lines: 1, bytes: 10 });
    feed.hasEnded = true;
    expect(run.source.ended).toBe(false);
    await run.follow();
    expect(run.source.ended).toBe(true);
    expect(run.ledgerText).toEqual(["rejected too_long 1 10"]);
  });

  it("has ended when its feed has and all is counted", async () => {
    const feed = new FilledFeed();
    const run = new LiveRun(feed, { once: true });
    await run.follow();
    feed.waiting.add(Buffer.from("a\n"));
    feed.hasEnded = true;
    expect(run.source.ended).toBe(false);
    await run.follow();
    expect(run.source.ended).toBe(true);
    expect(run.source.cut().report.state).toBe("ended");
  });

  it("tries again what failed, and says so once", async () => {
    const feed = new FilledFeed();
    feed.fault = new TailraceError("LISTEN_FAILED", "cannot listen");
    const run = new LiveRun(feed);
    await run.follow();
    await run.follow();
    run.nowMs += 5000;
    await run.follow();
    expect(run.complaints).toEqual(["cannot listen; it is tried again"]);
    feed.fault = undefined;
    run.nowMs += 5000;
    await run.follow();
    feed.waiting.add(Buffer.from("a\n"));
    await run.follow();
    expect(run.counted).toEqual(["a"]);
  });

  it("ledgers what a recovery would read again as lost", async () => {
    const run = new LiveRun(new FilledFeed());
    await run.follow();
    const [checkpoint] = run.source.checkpoints();
    if (checkpoint === undefined) throw new Error("there is a checkpoint");
    run.stored.set(7, { ...checkpoint, offset: 10, held: [{ from: 4, to: 10 }] });
    await run.restart(new FilledFeed());
    await run.follow();
    expect(run.ledgerText).toEqual(["lost cannot_be_repeated 0 6"]);
    expect(run.stored.get(7)).toMatchObject({ held: [], offset: 10 });
  });
});
