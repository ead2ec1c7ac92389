import { describe, expect, it } from "vitest";
import { StdinFeed } from "../../../../agent/source/stdin-feed.ts";
import type { Logger } from "../../../../shared/log.ts";
import { LiveRun } from "./live-setup.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {} };

describe("the standard input", () => {
  it("is counted to its end, the last line without a line end included", async () => {
    const feed = new StdinFeed(() => pieces("a\nb", "\nc\nlast"), 100, silent);
    const run = new LiveRun(feed, { once: true });
    await run.source.discover();
    await run.settle();
    await run.follow();
    expect(run.counted).toEqual(["a", "b", "c", "last"]);
    expect(run.source.ended).toBe(true);
    expect(run.wakeCount).toBeGreaterThan(0);
  });

  it("that breaks off ends, and what came before is counted", async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from("a\nb");
      throw Object.assign(new Error("read EIO"), { code: "EIO", errno: -5, syscall: "read" });
    }
    const told: string[] = [];
    const logger = { ...silent, warn: (message: string) => void told.push(message) };
    const run = new LiveRun(new StdinFeed(broken, 100, logger), { once: true });
    await run.source.discover();
    await run.settle();
    await run.follow();
    expect(run.counted).toEqual(["a", "b"]);
    expect(run.source.ended).toBe(true);
    expect(told).toEqual(["the standard input broke off; what came before is counted"]);
  });

  it("rejects lines that are too long, and holds no more than it may", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        given++;
        yield Buffer.alloc(65_536, "x\n");
      }
    }
    const run = new LiveRun(new StdinFeed(endless, 100, silent));
    await run.source.discover();
    await run.settle();
    expect(given * 65_536).toBeLessThan(5 * 1024 * 1024);
    await run.source.close();
    const long = new LiveRun(
      new StdinFeed(() => pieces("a\n", "y".repeat(150), "\nb\n"), 100, silent),
    );
    await long.source.discover();
    await long.settle();
    await long.follow();
    expect(long.counted).toEqual(["a", "b"]);
    expect(long.ledgerText).toContain("rejected too_long 1 151");
  });
});
