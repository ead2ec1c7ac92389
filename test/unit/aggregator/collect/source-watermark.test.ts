import { describe, expect, it } from "vitest";
import {
  advanceWatermark,
  takeReport,
  WATERMARK_DEFAULTS,
} from "../../../../aggregator/collect/source-watermark.ts";
import type { SourceInput } from "../../../../aggregator/state/agent-row.ts";
import { type CollectRow, decodeCollectRow } from "../../../../aggregator/state/stage-rows.ts";
import { TEN, TEN_MS } from "./sample-agent.ts";

const DAY_MS = 86_400_000;

class World {
  readonly row: CollectRow = decodeCollectRow(undefined);
  readonly sources: SourceInput[] = [];

  source(): SourceInput {
    const input: SourceInput = {
      source: `s${this.sources.length}`,
      state: "idle",
      eventTimeMaxMs: undefined,
      eventSeenMs: undefined,
      seenMs: 0,
    };
    this.sources.push(input);
    return input;
  }

  clock(nowMs: number): this {
    this.row.clockMs = Math.max(this.row.clockMs ?? nowMs, nowMs);
    return this;
  }

  report(input: SourceInput, eventTimeMaxMs?: number, state: SourceInput["state"] = "live") {
    const report = { source: input.source, state, eventTimeMaxMs };
    const taken = takeReport(input, report, this.row.clockMs ?? 0, WATERMARK_DEFAULTS);
    if (eventTimeMaxMs !== undefined) {
      const minute = Math.floor(eventTimeMaxMs / 60_000);
      this.row.newestMinute = Math.max(this.row.newestMinute ?? minute, minute);
    }
    return taken;
  }

  advance(): number | undefined {
    advanceWatermark(this.row, this.sources, WATERMARK_DEFAULTS);
    return this.row.watermarkMs;
  }
}

describe("the watermark of live sources", () => {
  it("is 10 s and 1 ms behind the newest event of the only source", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS - 500);
    expect(world.advance()).toBe(TEN_MS - 500 - 10_001);
    expect(world.row.idle).toBe(false);
  });

  it("follows the slowest source", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS);
    world.report(world.source(), TEN_MS - 20_000);
    expect(world.advance()).toBe(TEN_MS - 20_000 - 10_001);
  });

  it("is held by a source 60 s behind the most advanced, not by one further behind", () => {
    const world = new World().clock(TEN_MS);
    const slow = world.source();
    world.report(world.source(), TEN_MS);
    world.report(slow, TEN_MS - 60_000);
    expect(world.advance()).toBe(TEN_MS - 60_000 - 10_001);
    slow.eventTimeMaxMs = TEN_MS - 60_001;
    expect(world.advance()).toBe(TEN_MS - 10_001);
  });

  it("never goes back, though a slow source comes", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS);
    expect(world.advance()).toBe(TEN_MS - 10_001);
    world.report(world.source(), TEN_MS - 30_000);
    expect(world.advance()).toBe(TEN_MS - 10_001);
  });

  it("is not held by a source that ended", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS);
    world.report(world.source(), TEN_MS - 30_000, "ended");
    expect(world.advance()).toBe(TEN_MS - 10_001);
  });

  it("is held by a quiet source for 30 s and no longer (WIN-04)", () => {
    const world = new World().clock(TEN_MS);
    const quiet = world.source();
    const busy = world.source();
    world.report(quiet, TEN_MS - 1000);
    world.clock(TEN_MS + 29_999);
    world.report(busy, TEN_MS + 29_000);
    expect(world.advance()).toBe(TEN_MS - 1000 - 10_001);
    world.clock(TEN_MS + 30_000);
    expect(world.advance()).toBe(TEN_MS + 29_000 - 10_001);
  });

  it("is not held by a source that reports without event times, whatever state it claims (WIN-04)", () => {
    const world = new World().clock(TEN_MS);
    const mute = world.source();
    world.report(mute, TEN_MS - 5000);
    for (let second = 5; second <= 30; second += 5) {
      world.clock(TEN_MS + second * 1000);
      world.report(mute, undefined, "live");
    }
    world.report(world.source(), TEN_MS + 30_000);
    expect(world.advance()).toBe(TEN_MS + 30_000 - 10_001);
  });
});

describe("clocks that are wrong (WIN-01)", () => {
  it("a source a day ahead moves nothing, and is told apart", () => {
    const world = new World().clock(TEN_MS);
    const ahead = world.source();
    expect(world.report(ahead, TEN_MS + DAY_MS)).toBe(false);
    expect(world.report(world.source(), TEN_MS - 1000)).toBe(true);
    expect(world.advance()).toBe(TEN_MS - 1000 - 10_001);
    expect(ahead.eventTimeMaxMs).toBeUndefined();
  });

  it("an event exactly 10 minutes ahead still moves the watermark", () => {
    const world = new World().clock(TEN_MS);
    expect(world.report(world.source(), TEN_MS + 600_000)).toBe(true);
    expect(world.advance()).toBe(TEN_MS + 600_000 - 10_001);
  });

  it("a source a day behind holds nothing back", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS - DAY_MS);
    world.report(world.source(), TEN_MS);
    expect(world.advance()).toBe(TEN_MS - 10_001);
  });

  it("sources that are all a day behind make their own watermark", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS - DAY_MS);
    expect(world.advance()).toBe(TEN_MS - DAY_MS - 10_001);
  });

  it("a source whose clock is stuck holds it back for 60 s, however much it sends", () => {
    const world = new World();
    const [stuck, busy] = [world.source(), world.source()];
    for (let ms = 0; ms <= 120_000; ms += 10_000) {
      world.clock(TEN_MS + ms);
      world.report(stuck, TEN_MS);
      world.report(busy, TEN_MS + ms);
      expect(world.advance()).toBe(TEN_MS - 10_001 + (ms <= 60_000 ? 0 : ms));
    }
  });

  it("a second that comes twice, as a leap second does, moves it neither back nor ahead", () => {
    const world = new World().clock(TEN_MS);
    const source = world.source();
    world.report(source, TEN_MS - 1);
    expect(world.advance()).toBe(TEN_MS - 1 - 10_001);
    world.report(source, TEN_MS - 1_000);
    expect(world.advance()).toBe(TEN_MS - 1 - 10_001);
    world.report(source, TEN_MS + 500);
    expect(world.advance()).toBe(TEN_MS + 500 - 10_001);
  });
});

describe("the watermark without live sources", () => {
  it("follows the clock, 40 s behind, when it was within 60 s of it", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS);
    world.advance();
    world.clock(TEN_MS + 30_000);
    expect(world.advance()).toBe(TEN_MS + 30_000 - 40_000);
    expect(world.row.idle).toBe(true);
    for (let second = 40; second <= 200; second += 10) {
      world.clock(TEN_MS + second * 1000);
      expect(world.advance()).toBe(TEN_MS + second * 1000 - 40_000);
    }
  });

  it("goes to the end of the newest window when the clock jumps ahead of it", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS);
    world.advance();
    world.clock(TEN_MS + DAY_MS);
    expect(world.advance()).toBe((TEN + 1) * 60_000);
  });

  it("goes to the end of the newest window when the data is from the past", () => {
    const world = new World().clock(TEN_MS + DAY_MS);
    const source = world.source();
    world.report(source, TEN_MS + 5000);
    expect(world.advance()).toBe(TEN_MS + 5000 - 10_001);
    world.report(source, undefined, "ended");
    expect(world.advance()).toBe((TEN + 1) * 60_000);
    world.clock(TEN_MS + 2 * DAY_MS);
    expect(world.advance()).toBe((TEN + 1) * 60_000);
  });

  it("never goes beyond the clock for a window in the future", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), TEN_MS + DAY_MS);
    expect(world.advance()).toBe(TEN_MS);
    world.clock(TEN_MS + 10_000);
    expect(world.advance()).toBe(TEN_MS);
  });

  it("stays undefined while there is no data", () => {
    const world = new World().clock(TEN_MS);
    world.report(world.source(), undefined, "idle");
    expect(world.advance()).toBeUndefined();
    expect(world.row.idle).toBe(true);
  });
});
