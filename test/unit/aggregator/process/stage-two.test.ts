import { describe, expect, it } from "vitest";
import { COMMIT_BYTES_MAX, COMMIT_KEYS_MAX } from "../../../../aggregator/log/check-commit.ts";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { APART_COUNT_MAX } from "../../../../aggregator/process/dimension-limit.ts";
import {
  StageTwo,
  WINDOW_DEFAULTS,
  type WindowSettings,
} from "../../../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readProcessRow } from "../../../../aggregator/state/read-agents.ts";
import { readChanges, readWindows } from "../../../../aggregator/state/read-windows.ts";
import { restoredChange } from "../../../../aggregator/state/restored-row.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { allWindows, apart, keyed, keysOf, serviceNames } from "./sample-deltas.ts";

const DAY_MS = 86_400_000;
/** Roll-ups as long as windows. */
const SHORT = { windowsRetentionMs: DAY_MS, rollUpRetentionsMs: [0, 0, 0] };

/** Stage 2 of one partition over a store. */
class Windows {
  readonly store = new MemoryStore();
  private readonly settings: WindowSettings;
  private stage: StageTwo;
  flushCount = 0;

  constructor(settings: Partial<WindowSettings> = {}) {
    this.settings = { ...WINDOW_DEFAULTS, ...settings };
    this.stage = new StageTwo(this.store, this.settings);
  }

  async emit(deltas: readonly KeyedDelta[], watermarkMs?: number): Promise<void> {
    for (const delta of deltas) {
      if (this.stage.isFull) await this.flush();
      this.stage.merge(delta);
    }
    if (watermarkMs !== undefined)
      this.stage.observe(0, { watermarkMs, idle: false, selection: undefined });
    this.stage.housekeep();
    await this.flush();
  }

  async keepHouse(): Promise<void> {
    while (this.stage.hasHousekeeping) await this.emit([]);
  }

  reload(): void {
    this.stage = new StageTwo(this.store, this.settings);
  }

  private async flush(): Promise<void> {
    const { changes } = this.stage.flush();
    expect(changes.length).toBeLessThanOrEqual(COMMIT_KEYS_MAX);
    const bytes = changes.reduce(
      (sum, { key, value }) => sum + key.length + (value?.length ?? 0),
      0,
    );
    expect(bytes).toBeLessThanOrEqual(COMMIT_BYTES_MAX);
    await this.store.commit(changes);
    this.stage.settle();
    this.flushCount++;
  }

  /** `service minute state revision requests` of every window. */
  get list(): string[] {
    return allWindows(this.store).map(
      ({ service, minute, state, revision, aggregate }) =>
        `${service} ${minute - TEN} ${state} ${revision} ${aggregate.requestCount}`,
    );
  }
}

describe("a window", () => {
  it("is provisional, and its revision rises with every emission", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN, 2)]);
    expect(windows.list).toEqual(["orders 0 provisional 1 2"]);
    await windows.emit([keyed("orders", TEN, 3), keyed("orders", TEN, 1)]);
    expect(windows.list).toEqual(["orders 0 provisional 2 6"]);
  });

  it("is final when the watermark is at its end - 1, not before", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN)], TEN_MS + 59_998);
    expect(windows.list).toEqual(["orders 0 provisional 1 1"]);
    await windows.emit([], TEN_MS + 59_999);
    expect(windows.list).toEqual(["orders 0 final 2 1"]);
  });

  it("is emitted once when its last data and its end come together", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN)], TEN_MS + 60_000);
    expect(windows.list).toEqual(["orders 0 final 1 1"]);
  });

  it("is corrected by data after it was final, with a higher revision (WIN-02)", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN)], TEN_MS + 60_000);
    await windows.emit([keyed("orders", TEN, 4)]);
    expect(windows.list).toEqual(["orders 0 corrected 2 5"]);
    await windows.emit([keyed("orders", TEN, 1)]);
    expect(windows.list).toEqual(["orders 0 corrected 3 6"]);
  });

  it("that is new after its end was reached is final at once, then corrected", async () => {
    const windows = new Windows();
    await windows.emit([], TEN_MS + 60_000);
    await windows.emit([keyed("orders", TEN - 120)]);
    await windows.emit([keyed("orders", TEN - 120)]);
    expect(windows.list).toEqual(["orders -120 corrected 2 2"]);
  });

  it("stays as it is when nothing comes for it", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN)], TEN_MS + 60_000);
    await windows.emit([keyed("carts", TEN + 1)], TEN_MS + 180_000);
    expect(windows.list).toEqual(["orders 0 final 1 1", "carts 1 final 1 1"]);
  });

  it("is made final after a restart, though it is in no memory", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN), keyed("carts", TEN + 5)]);
    windows.reload();
    await windows.emit([], TEN_MS + 60_000);
    expect(windows.list).toEqual(["orders 0 final 2 1", "carts 5 provisional 1 1"]);
  });

  it("of the time before 1970 is a window like others", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", -3), keyed("orders", 2)], -60_001);
    expect(allWindows(windows.store).map(({ minute, state }) => [minute, state])).toEqual([
      [-3, "final"],
      [2, "provisional"],
    ]);
  });
});

describe("a restored state", () => {
  it("gives revisions above all that were given before", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", TEN)], TEN_MS + 300_000);
    await windows.keepHouse();
    await windows.store.commit([restoredChange(TEN_MS)]);
    windows.reload();
    await windows.emit([keyed("orders", TEN), keyed("orders", TEN + 1)]);
    await windows.emit([keyed("orders", TEN)]);
    const base = TEN_MS / 10;
    expect(windows.list).toEqual([`orders 0 corrected ${base + 1} 3`, `orders 1 final ${base} 1`]);
    const [rollUp] = readChanges(windows.store, 0, 100)
      .map(({ window }) => window)
      .filter(({ windowMinutes }) => windowMinutes === 5);
    expect(rollUp?.revision).toBe(2 * base + 1);
  });
});

describe("two hours of backlog (WIN-03)", () => {
  it("make corrections of all its windows, equal to one merge of everything", async () => {
    const windows = new Windows();
    const minutes = Array.from({ length: 120 }, (_, index) => TEN - 120 + index);
    for (const minute of minutes) {
      await windows.emit([keyed("orders", minute, 2)], (minute + 1) * 60_000);
    }
    await windows.emit(minutes.map((minute) => keyed("orders", minute, 3, "web-2")));
    const all = allWindows(windows.store);
    expect(all).toHaveLength(120);
    expect(new Set(all.map(({ state }) => state))).toEqual(new Set(["corrected"]));
    expect(new Set(all.map(({ aggregate }) => aggregate.requestCount))).toEqual(new Set([5]));
    expect(all[0]?.contributors).toEqual([
      { agent: "web-1", requestCount: 2, errorCount: 0 },
      { agent: "web-2", requestCount: 3, errorCount: 0 },
    ]);
  });
});

describe("retention", () => {
  it("deletes windows by the watermark, with all that points to them", async () => {
    const windows = new Windows({ windowsRetentionMs: DAY_MS });
    await windows.emit([keyed("old", TEN), keyed("both", TEN)], TEN_MS);
    await windows.emit([keyed("both", TEN + 1440)], TEN_MS + DAY_MS + 59_999);
    expect(windows.list).toHaveLength(3);
    await windows.emit([], TEN_MS + DAY_MS + 60_000);
    await windows.keepHouse();
    expect(windows.list).toEqual(["both 1440 final 1 1"]);
    expect(keysOf(windows.store, "minute")).toHaveLength(1);
    expect(keysOf(windows.store, "rollup")).not.toEqual([]);
    expect(serviceNames(windows.store)).toEqual(["both", "old"]);
  });

  it("deletes roll-ups when theirs is over, and with the last one all that points to a service", async () => {
    const windows = new Windows(SHORT);
    await windows.emit([keyed("old", TEN), keyed("both", TEN)], TEN_MS);
    await windows.emit([keyed("both", TEN + 4320)], TEN_MS + 3 * DAY_MS + 60_000);
    await windows.keepHouse();
    expect(windows.list).toEqual(["both 4320 final 1 1"]);
    expect(keysOf(windows.store, "minute")).toHaveLength(1);
    expect(keysOf(windows.store, "rollup")).toEqual([]);
    expect(keysOf(windows.store, "rollup-minute")).toEqual([]);
    expect(keysOf(windows.store, "change")).toHaveLength(1);
    expect(serviceNames(windows.store)).toEqual(["both"]);
  });

  it("counts what comes too late, line by line, and merges it nowhere", async () => {
    const windows = new Windows({ windowsRetentionMs: DAY_MS });
    await windows.emit([], TEN_MS + DAY_MS + 60_000);
    await windows.emit([keyed("orders", TEN, 7), keyed("orders", TEN + 1, 2)]);
    expect(windows.list).toEqual(["orders 1 final 1 2"]);
    expect(readProcessRow(windows.store)).toMatchObject({ tooLateLines: 7, mergedLines: 2 });
  });

  it("finds nothing too late before the first watermark", async () => {
    const windows = new Windows();
    await windows.emit([keyed("orders", 0, 3)]);
    expect(readProcessRow(windows.store)).toMatchObject({ tooLateLines: 0, mergedLines: 3 });
  });

  it("deletes what was merged in the same emission that made it too old", async () => {
    const windows = new Windows(SHORT);
    await windows.emit([keyed("orders", TEN)], TEN_MS + 10 * DAY_MS);
    await windows.keepHouse();
    expect(windows.list).toEqual([]);
    expect(keysOf(windows.store, "window")).toEqual([]);
    expect(keysOf(windows.store, "change")).toEqual([]);
  });

  it("lets a service that was deleted come back", async () => {
    const windows = new Windows(SHORT);
    await windows.emit([keyed("orders", TEN)], TEN_MS + 60_000);
    await windows.emit([], TEN_MS + 3 * DAY_MS);
    await windows.keepHouse();
    expect(serviceNames(windows.store)).toEqual([]);
    await windows.emit([keyed("orders", TEN + 3 * 1440)]);
    expect(serviceNames(windows.store)).toEqual(["orders"]);
  });
});

describe("much at once", () => {
  const services = Array.from({ length: 4000 }, (_, index) => `service-${index}`);

  it("is made final over several commits, each within its limits", async () => {
    const windows = new Windows();
    await windows.emit(services.map((service) => keyed(service, TEN)));
    const before = windows.flushCount;
    await windows.emit([], TEN_MS + 60_000);
    await windows.keepHouse();
    expect(windows.flushCount - before).toBeGreaterThan(2);
    const all = allWindows(windows.store);
    expect(all).toHaveLength(4000);
    expect(all.filter(({ state, revision }) => state === "final" && revision === 2)).toHaveLength(
      4000,
    );
  });

  it("is deleted over several commits", async () => {
    const windows = new Windows(SHORT);
    await windows.emit(services.map((service) => keyed(service, TEN)));
    await windows.emit([], TEN_MS + 3 * DAY_MS);
    await windows.keepHouse();
    const left = [...windows.store.range("", "~")].map(([key]) => key);
    expect([left.length, left[0]]).toEqual([1, "process"]);
  });

  it("is merged right with almost no memory for windows", async () => {
    const windows = new Windows({ cacheBytesMax: 2000 });
    for (let round = 0; round < 3; round++) {
      await windows.emit(services.slice(0, 50).map((service) => keyed(service, TEN)));
    }
    const all = allWindows(windows.store);
    expect(all).toHaveLength(50);
    for (const { revision, aggregate } of all)
      expect([revision, aggregate.requestCount]).toEqual([3, 3]);
  });
});

describe("the index of changes", () => {
  it("has each window once, in the order of its last change", async () => {
    const windows = new Windows();
    await windows.emit([keyed("a", TEN), keyed("b", TEN)]);
    await windows.emit([keyed("a", TEN)]);
    const changes = readChanges(windows.store, 0, 10);
    expect(changes.map(({ changeNumber, window }) => [changeNumber, window.service])).toEqual([
      [2, "b"],
      [3, "a"],
    ]);
    expect(readChanges(windows.store, 2, 10)).toHaveLength(1);
    expect(readChanges(windows.store, 3, 10)).toEqual([]);
    expect(readChanges(windows.store, 0, 1)[0]?.changeNumber).toBe(2);
  });

  it("goes on behind windows that are half deleted", async () => {
    const windows = new Windows({ rollUpRetentionsMs: [0, 0, 0] });
    const minutes = Array.from({ length: 4000 }, (_, index) => TEN + index);
    await windows.emit(
      minutes.map((minute) => keyed("old", minute)),
      TEN_MS + 3 * DAY_MS,
    );
    await windows.keepHouse();
    const laterMs = TEN_MS + 100 * DAY_MS;
    await windows.emit([keyed("new", laterMs / 60_000)], laterMs);
    while (windows.list.length > 4000) await windows.emit([]);
    expect(windows.list.length).toBeGreaterThan(100);
    const names = readChanges(windows.store, 0, 10_000).map(({ window }) => window.service);
    expect(names).toContain("new");
  });

  it("knows the real names of services whose key had to be cut", async () => {
    const windows = new Windows();
    const long = "ß/".repeat(300);
    await windows.emit([keyed(long, TEN), keyed(`${long}!`, TEN)]);
    const names = readChanges(windows.store, 0, 10).map(({ window }) => window.service);
    expect(names.toSorted()).toEqual([long, `${long}!`].toSorted());
    expect(allWindows(windows.store).map(({ service }) => service)).toEqual([long, `${long}!`]);
  });
});

describe("windows that are kept apart by dimensions", () => {
  const by = (store: MemoryStore, names: readonly string[]) =>
    readWindows([store], {
      ...{
        tenant: "",
        stream: "application-logs",
        service: undefined,
        by: names,
        after: undefined,
      },
      ...{ fromMinute: TEN, toMinute: TEN + 1, stepMinutes: 1, limit: 10_000 },
    }).windows;

  it("count once in the whole service, and once in their own window", async () => {
    const windows = new Windows();
    const lines = [apart("a", TEN, 2, { host: "x" }), apart("a", TEN, 3, { host: "y" })];
    await windows.emit([...lines, keyed("a", TEN, 5)]);
    windows.reload();
    await windows.emit([apart("a", TEN, 1, { host: "x" })], TEN_MS + 60_000);
    await windows.keepHouse();
    expect(allWindows(windows.store)).toMatchObject([{ service: "a", state: "final" }]);
    expect(allWindows(windows.store)[0]?.aggregate.requestCount).toBe(11);
    expect(readProcessRow(windows.store).mergedLines).toBe(11);
    const parts = by(windows.store, ["host"]);
    expect(parts.map(({ dimensions, state }) => [dimensions, state])).toEqual([
      [{ host: "x" }, "final"],
      [{ host: "y" }, "final"],
    ]);
    expect(parts.map(({ aggregate }) => aggregate.requestCount)).toEqual([3, 3]);
  });

  it("beyond the limit are folded, and still add up", async () => {
    const windows = new Windows();
    const count = APART_COUNT_MAX + 30;
    for (const part of [0, 1]) {
      const deltas = Array.from({ length: count / 2 }, (_, index) =>
        apart("a", TEN, 1, { user: `u${part * 1e6 + index}` }),
      );
      await windows.emit(deltas);
      windows.reload();
    }
    const parts = by(windows.store, ["user"]);
    const other = parts.find(({ dimensions }) => dimensions?.["user"] === "__other__");
    expect(parts).toHaveLength(APART_COUNT_MAX + 1);
    expect(other?.aggregate).toMatchObject({ folded: true, requestCount: 30 });
    expect(allWindows(windows.store)[0]?.aggregate).toMatchObject({
      folded: false,
      requestCount: count,
    });
  });

  it("are deleted with the rest when their retention is over", async () => {
    const windows = new Windows(SHORT);
    await windows.emit([apart("a", TEN, 1, { host: "x" })], TEN_MS);
    await windows.emit([keyed("b", TEN + 3 * 1440)], TEN_MS + 3 * DAY_MS);
    await windows.keepHouse();
    expect(keysOf(windows.store, "window")).toHaveLength(1);
    expect(keysOf(windows.store, "service")).toHaveLength(1);
    expect(keysOf(windows.store, "minute")).toHaveLength(1);
  });
});
