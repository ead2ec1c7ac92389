import { describe, expect, it } from "vitest";
import { StdinFeed } from "../../../../agent/source/stdin-feed.ts";
import { LiveRun } from "./live-setup.ts";

async function* pieces(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

describe("the standard input", () => {
  it("is counted to its end, the last line without a line end included", async () => {
    const feed = new StdinFeed(() => pieces("a\nb", "\nc\nlast"), 100);
    const run = new LiveRun(feed, { once: true });
    await run.source.discover();
    await run.settle();
    await run.follow();
    expect(run.counted).toEqual(["a", "b", "c", "last"]);
    expect(run.source.ended).toBe(true);
    expect(run.wakeCount).toBeGreaterThan(0);
  });

  it("rejects lines that are too long, and holds no more than it may", async () => {
    let given = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        given++;
        yield Buffer.alloc(65_536, "x\n");
      }
    }
    const run = new LiveRun(new StdinFeed(endless, 100));
    await run.source.discover();
    await run.settle();
    expect(given * 65_536).toBeLessThan(5 * 1024 * 1024);
    await run.source.close();
    const long = new LiveRun(new StdinFeed(() => pieces("a\n", "y".repeat(150), "\nb\n"), 100));
    await long.source.discover();
    await long.settle();
    await long.follow();
    expect(long.counted).toEqual(["a", "b"]);
    expect(long.ledgerText).toContain("rejected too_long 1 151");
  });
});
