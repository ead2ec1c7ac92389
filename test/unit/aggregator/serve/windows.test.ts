import { beforeEach, describe, expect, it } from "vitest";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { WindowsApi } from "../../../../aggregator/serve/windows.ts";
import { Contributors } from "../../../../aggregator/state/contributors.ts";
import { makeSeries } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import type { Timers } from "../../../../shared/platform/timers.ts";
import { MINUTE, sampleAggregate } from "../receive/sample-batches.ts";

const timers: Timers = { sleep: async () => {} };
let store: MemoryStore;
let watermarkMs: number | undefined;
let api: WindowsApi;

beforeEach(() => {
  store = new MemoryStore();
  watermarkMs = undefined;
  api = new WindowsApi({ views: () => [store], watermarkMs: () => watermarkMs, timers });
});

/** Stores windows of `services` in `count` minutes, all final by then when `isFinal`. */
async function storeWindows(
  services: readonly string[],
  count: number,
  isFinal: boolean,
): Promise<void> {
  const stage = new StageTwo(store, WINDOW_DEFAULTS);
  for (const service of services) {
    const series = makeSeries("", "application-logs", service);
    for (let minute = MINUTE; minute < MINUTE + count; minute++) {
      const contributors = new Contributors();
      stage.merge({ series, minute, aggregate: sampleAggregate(1), contributors });
    }
  }
  const endMs = (MINUTE + count) * 60_000;
  if (isFinal) stage.observe(0, { watermarkMs: endMs, idle: false, selection: undefined });
  stage.housekeep();
  await store.commit(stage.flush().changes);
  stage.settle();
}

async function ask(query: string): Promise<{ windows: Record<string, unknown>[]; next?: string }> {
  return JSON.parse((await api.answer("", query, "::1")).body.toString());
}

describe("GET /v1/windows", () => {
  it("orders services as their names do, whatever stands in them", async () => {
    const services = ["b", "a b", "a/b", "a", "ä", "🙂", "B", "x".repeat(500), '"'];
    await storeWindows(services, 1, false);
    const { windows } = await ask("");
    expect(windows.map((window) => window["service"])).toEqual(services.toSorted());
    const [long] = (await ask(`service=${"x".repeat(500)}`)).windows;
    expect(long?.["service"]).toBe("x".repeat(500));
  });

  it("reads more than it takes at once, each window once", async () => {
    await storeWindows(["a"], 1_300, false);
    const { windows, next } = await ask("");
    expect(new Set(windows.map((window) => window["windowStart"])).size).toBe(1_300);
    expect([windows.length, next]).toEqual([1_300, undefined]);
    expect((await ask("step=5m")).windows).toHaveLength(260);
  });

  it("calls a window of many minutes provisional until the watermark has passed its end", async () => {
    await storeWindows(["a"], 3, true);
    const state = async () => (await ask("step=10m")).windows.map((window) => window["state"]);
    expect(await state()).toEqual(["provisional"]);
    watermarkMs = (MINUTE + 10) * 60_000 - 2;
    expect(await state()).toEqual(["provisional"]);
    watermarkMs++;
    expect(await state()).toEqual(["final"]);
  });

  it("keeps tenants apart", async () => {
    await storeWindows(["a"], 1, false);
    const other = await api.answer("other", "", "::1");
    expect(other.body.toString()).toBe('{"windows":[]}');
  });

  it("leaves room for others when one address asks for many at once", async () => {
    const greedy = Array.from({ length: 13 }, () => api.answer("", "", "192.0.2.1"));
    const other = api.answer("", "", "192.0.2.2");
    const statuses = (await Promise.all(greedy)).map(({ status }) => status);
    expect(statuses).toEqual([...Array.from({ length: 12 }, () => 200), 503]);
    expect((await other).status).toBe(200);
  });

  it("takes so many queries at a time", async () => {
    const waiting: (() => void)[] = [];
    const slow: Timers = {
      sleep: () =>
        new Promise((resolve) => {
          waiting.push(resolve);
        }),
    };
    await storeWindows(["a"], 1_001, false);
    api = new WindowsApi({ views: () => [store], watermarkMs: () => undefined, timers: slow });
    const underWay = Array.from({ length: 16 }, (_none, index) =>
      api.answer("", "", index < 12 ? "192.0.2.1" : "192.0.2.2"),
    );
    expect(await api.answer("", "", "192.0.2.3")).toMatchObject({
      status: 503,
      headers: { "retry-after": "1" },
    });
    for (const goOn of waiting) goOn();
    const statuses = (await Promise.all(underWay)).map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await api.answer("", "limit=1", "192.0.2.1")).status).toBe(200);
  });
});
