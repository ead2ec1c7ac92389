import { describe, expect, it } from "vitest";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import {
  readWindow,
  readWindows,
  type WindowCursor,
  type WindowQuery,
} from "../../../../aggregator/state/read-windows.ts";
import { readServices } from "../../../../aggregator/state/service-row.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { apart, keyed, STREAM } from "../process/sample-deltas.ts";

async function storeOf(deltas: readonly KeyedDelta[], watermarkMs?: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  const stage = new StageTwo(store, WINDOW_DEFAULTS);
  for (const delta of deltas) stage.merge(delta);
  if (watermarkMs !== undefined)
    stage.observe(0, { watermarkMs, idle: false, selection: undefined });
  await store.commit(stage.flush().changes);
  return store;
}

const all: WindowQuery = {
  tenant: "",
  stream: STREAM,
  service: undefined,
  fromMinute: Number.NEGATIVE_INFINITY,
  toMinute: Number.POSITIVE_INFINITY,
  stepMinutes: 1,
  limit: 100,
  after: undefined,
};

function list(views: readonly MemoryStore[], query: Partial<WindowQuery> = {}): string[] {
  return readWindows(views, { ...all, ...query }).windows.map(
    ({ service, minute, aggregate }) => `${minute - TEN} ${service} ${aggregate.requestCount}`,
  );
}

const sample = [
  keyed("b", TEN, 1),
  keyed("a", TEN + 2, 2),
  keyed("a", TEN, 3),
  keyed("ä", TEN, 4),
  keyed("z", TEN, 5),
  keyed("b", TEN + 7, 6),
];

describe("a query of windows", () => {
  it("is ascending by time, then by service in the order of code units", async () => {
    const store = await storeOf(sample);
    expect(list([store])).toEqual(["0 a 3", "0 b 1", "0 z 5", "0 ä 4", "2 a 2", "7 b 6"]);
  });

  it("merges partitions in the same order", async () => {
    const even = sample.filter((_, index) => index % 2 === 0);
    const odd = sample.filter((_, index) => index % 2 === 1);
    const stores = [await storeOf(even), await storeOf(odd), await storeOf([])];
    expect(list(stores)).toEqual(list([await storeOf(sample)]));
  });

  it("takes from <= start < to, and one service when one is named", async () => {
    const store = await storeOf(sample);
    const range = { fromMinute: TEN, toMinute: TEN + 2 };
    expect(list([store], range)).toEqual(["0 a 3", "0 b 1", "0 z 5", "0 ä 4"]);
    expect(list([store], { service: "a" })).toEqual(["0 a 3", "2 a 2"]);
    expect(list([store], { service: "a", fromMinute: TEN + 1 })).toEqual(["2 a 2"]);
    expect(list([store], { service: "none" })).toEqual([]);
    expect(list([store], { stream: "other" })).toEqual([]);
    expect(list([store], { tenant: "other" })).toEqual([]);
    expect(list([store], { fromMinute: TEN, toMinute: TEN })).toEqual([]);
  });

  it.each([1, 2, 3, 5, 6, 7])("gives everything once in pages of %i", async (limit) => {
    const store = await storeOf(sample);
    for (const service of [undefined, "a", "b"]) {
      for (const stepMinutes of [1, 5]) {
        const whole = list([store], { service, stepMinutes });
        const paged: string[] = [];
        let after: WindowCursor | undefined;
        do {
          const query = { ...all, service, stepMinutes, limit, after };
          const page = readWindows([store], query);
          expect(page.windows.length).toBeLessThanOrEqual(limit);
          paged.push(...list([store], query));
          after = page.next;
        } while (after !== undefined);
        expect(paged).toEqual(whole);
      }
    }
  });

  it("rolls minutes up into steps aligned to the epoch", async () => {
    const start = Math.floor(TEN / 5) * 5;
    const store = await storeOf([
      keyed("a", start - 1, 1),
      keyed("a", start, 2),
      keyed("a", start + 4, 3),
      keyed("a", start + 5, 4),
      keyed("b", start + 1, 5),
    ]);
    const { windows } = readWindows([store], { ...all, stepMinutes: 5 });
    expect(
      windows.map((window) => [window.service, window.minute - start, window.windowMinutes]),
    ).toEqual([
      ["a", -5, 5],
      ["a", 0, 5],
      ["b", 0, 5],
      ["a", 5, 5],
    ]);
    expect(windows.map(({ aggregate }) => aggregate.requestCount)).toEqual([1, 5, 5, 4]);
    const page = readWindows([store], { ...all, stepMinutes: 5, fromMinute: start - 4 });
    expect(page.windows[0]?.minute).toBe(start);
  });
});

describe("a query by dimensions", () => {
  const divided = [
    apart("a", TEN, 1, { host: "x", path: "/1" }),
    apart("a", TEN, 2, { host: "y", path: "/1" }),
    apart("a", TEN + 1, 4, { host: "x", path: "/2" }),
    keyed("a!", TEN, 8),
    keyed("a%", TEN, 16),
  ];

  function listBy(store: MemoryStore, query: Partial<WindowQuery>): string[] {
    return readWindows([store], { ...all, ...query }).windows.map(
      ({ service, minute, dimensions, aggregate }) =>
        `${minute - TEN} ${service} ${JSON.stringify(dimensions ?? {})} ${aggregate.requestCount}`,
    );
  }

  it("has one window per value, and whole services where lines have none", async () => {
    const store = await storeOf(divided);
    expect(listBy(store, { by: ["host"] })).toEqual([
      '0 a {"host":"x"} 1',
      '0 a {"host":"y"} 2',
      '0 a! {"host":""} 8',
      '0 a% {"host":""} 16',
      '1 a {"host":"x"} 4',
    ]);
    expect(listBy(store, { by: ["path"], service: "a", stepMinutes: 5 })).toEqual([
      '0 a {"path":"/1"} 3',
      '0 a {"path":"/2"} 4',
    ]);
    expect(listBy(store, { by: ["path", "host"], service: "a", toMinute: TEN + 1 })).toEqual([
      '0 a {"host":"x","path":"/1"} 1',
      '0 a {"host":"y","path":"/1"} 2',
    ]);
  });

  it("adds up to the windows without, which do not change", async () => {
    const store = await storeOf(divided);
    expect(list([store])).toEqual(["0 a 3", "0 a! 8", "0 a% 16", "1 a 4"]);
    expect(list([store], { service: "a", stepMinutes: 5 })).toEqual(["0 a 7"]);
    expect([...readServices(store, "", STREAM)].map(({ service }) => service)).toHaveLength(3);
  });

  it.each([1, 2, 3])("gives everything once in pages of %i", async (limit) => {
    const store = await storeOf(divided);
    const by = ["host"];
    const paged: string[] = [];
    let after: WindowCursor | undefined;
    do {
      paged.push(...listBy(store, { by, limit, after }));
      after = readWindows([store], { ...all, by, limit, after }).next;
    } while (after !== undefined);
    expect(paged).toEqual(listBy(store, { by }));
  });
});

describe("five minutes of one service", () => {
  const start = Math.floor(TEN / 5) * 5;
  const names = { tenant: "", stream: STREAM, service: "a" };

  it("have the sum of their minutes' revisions, and are final when they are rolled up", async () => {
    const store = new MemoryStore();
    const stage = new StageTwo(store, WINDOW_DEFAULTS);
    const emit = async (minute: number | undefined, watermarkMs: number) => {
      if (minute !== undefined) stage.merge(keyed("a", minute));
      stage.observe(0, { watermarkMs, idle: false, selection: undefined });
      stage.housekeep();
      await store.commit(stage.flush().changes);
      stage.settle();
    };
    await emit(start, start * 60_000);
    await emit(start + 1, (start + 1) * 60_000);
    expect(readWindow(store, names, start, 5)).toMatchObject({ state: "provisional", revision: 3 });
    await emit(start + 2, (start + 5) * 60_000);
    expect(readWindow(store, names, start, 5)).toMatchObject({ state: "provisional", revision: 5 });
    await emit(undefined, (start + 5) * 60_000);
    expect(readWindow(store, names, start, 5)).toMatchObject({ state: "final", revision: 5 });
    await emit(start, (start + 5) * 60_000);
    const window = readWindow(store, names, start, 5);
    expect(window).toMatchObject({ state: "corrected", revision: 6, windowMinutes: 5 });
    expect(window?.aggregate.requestCount).toBe(4);
  });

  it("are undefined without data", async () => {
    const store = await storeOf([keyed("a", start + 5)]);
    expect(readWindow(store, names, start, 5)).toBeUndefined();
  });
});

describe("services", () => {
  it("are listed by stream and tenant", async () => {
    const store = await storeOf(sample, TEN_MS);
    const names = [...readServices(store, "", STREAM)].map(({ service }) => service);
    expect(names.toSorted()).toEqual(["a", "b", "z", "ä"]);
    expect([...readServices(store, "")]).toHaveLength(4);
    expect([...readServices(store, "other")]).toEqual([]);
  });
});
