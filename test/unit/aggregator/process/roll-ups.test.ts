import { beforeEach, describe, expect, it } from "vitest";
import type { KeyedDelta } from "../../../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { readProcessRow } from "../../../../aggregator/state/read-agents.ts";
import { readWindows } from "../../../../aggregator/state/read-windows.ts";
import { decodeProcessRow, encodeProcessRow } from "../../../../aggregator/state/stage-rows.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";
import { keyed, keysOf, STREAM } from "./sample-deltas.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
let store: MemoryStore;
let stage: StageTwo;
let flushCount: number;

beforeEach(() => {
  store = new MemoryStore();
  stage = new StageTwo(store, WINDOW_DEFAULTS);
  flushCount = 0;
});

async function flush(): Promise<void> {
  await store.commit(stage.flush().changes);
  stage.settle();
  flushCount++;
}

async function emit(deltas: readonly KeyedDelta[], watermarkMs?: number): Promise<void> {
  for (const delta of deltas) {
    if (stage.isFull) await flush();
    stage.merge(delta);
  }
  if (watermarkMs !== undefined)
    stage.observe(0, { watermarkMs, idle: false, selection: undefined });
  stage.housekeep();
  await flush();
}

async function keepHouse(): Promise<void> {
  while (stage.hasHousekeeping) await emit([]);
}

/** `service minute state revision requests` of the windows of a width. */
function list(stepMinutes: number): string[] {
  const all = { fromMinute: Number.NEGATIVE_INFINITY, toMinute: Number.POSITIVE_INFINITY };
  const query = { tenant: "", stream: STREAM, service: undefined, ...all, stepMinutes };
  return readWindows([store], { ...query, limit: 100_000, after: undefined }).windows.map(
    ({ service, minute, state, revision, aggregate }) =>
      `${service} ${minute - TEN} ${state} ${revision} ${aggregate.requestCount}`,
  );
}

describe("a roll-up", () => {
  it("is provisional until its end is reached, then final, though its last minutes have no data", async () => {
    await emit([keyed("a", TEN, 2), keyed("a", TEN + 1, 3)], TEN_MS + 240_000);
    await keepHouse();
    expect(list(5)).toEqual(["a 0 provisional 2 5"]);
    expect(keysOf(store, "rollup")).toEqual([]);
    await emit([], TEN_MS + 300_000 - 1);
    await keepHouse();
    expect(list(5)).toEqual(["a 0 final 2 5"]);
    expect(list(60)).toEqual(["a 0 provisional 2 5"]);
    await emit([], TEN_MS + HOUR_MS);
    await keepHouse();
    expect(list(60)).toEqual(["a 0 final 2 5"]);
    await emit([], TEN_MS + DAY_MS);
    await keepHouse();
    expect(list(1440)).toEqual([`a ${-10 * 60} final 2 5`]);
  });

  it("is corrected by what comes late, in the same commit as its minute, at every width", async () => {
    await emit([keyed("a", TEN)], TEN_MS + DAY_MS);
    await keepHouse();
    await emit([keyed("a", TEN, 4), keyed("a", TEN, 5), keyed("a", TEN + 3)]);
    expect(list(1)).toEqual(["a 0 corrected 2 10", "a 3 final 1 1"]);
    for (const width of [5, 60]) expect(list(width)).toEqual(["a 0 corrected 3 11"]);
    expect(list(1440)).toEqual(["a -600 corrected 3 11"]);
    expect(keysOf(store, "rollup")).toHaveLength(3);
    expect(keysOf(store, "rollup-minute")).toHaveLength(3);
    expect(keysOf(store, "change")).toHaveLength(5);
  });

  it("is made at once of what comes late where nothing was", async () => {
    await emit([keyed("a", TEN)], TEN_MS + DAY_MS);
    await keepHouse();
    await emit([keyed("b", TEN, 7)]);
    expect(list(60)).toEqual(["a 0 final 1 1", "b 0 final 1 7"]);
  });

  it("lives on when the retention of its minutes is over, and takes nothing more", async () => {
    const settings = { ...WINDOW_DEFAULTS, windowsRetentionMs: DAY_MS };
    stage = new StageTwo(store, settings);
    await emit([keyed("a", TEN)], TEN_MS + DAY_MS);
    await emit([], TEN_MS + 40 * DAY_MS);
    await keepHouse();
    await emit([keyed("a", TEN)]);
    expect([list(1), list(5), list(60)]).toEqual([[], [], ["a 0 final 1 1"]]);
    expect(readProcessRow(store).tooLateLines).toBe(1);
  });

  it("is made for the windows of a store that had none, whatever comes late meanwhile", async () => {
    const services = Array.from({ length: 300 }, (_, index) => `service-${index}`);
    await emit(services.map((service) => keyed(service, TEN)));
    await emit(
      services.map((service) => keyed(service, TEN + 65)),
      TEN_MS + 70 * 60_000,
    );
    await keepHouse();
    // As the version before left it.
    const row = decodeProcessRow(store.get("process"));
    for (const rollUp of row.rollUps) rollUp.madeToMinute = undefined;
    const old = ["rollup", "rollup-minute"].flatMap((kind) => keysOf(store, kind));
    await store.commit([
      ...old.map((key) => ({ key, value: undefined })),
      { key: "process", value: encodeProcessRow(row) },
    ]);
    stage = new StageTwo(store, WINDOW_DEFAULTS);
    await emit([keyed("service-7", TEN, 5), keyed("new", TEN + 64)]);
    await keepHouse();
    expect(keysOf(store, "rollup")).toHaveLength(300 * 3 + 1);
    expect(list(60)).toContain("service-7 0 final 3 6");
    expect(list(5)).toContain("new 60 final 1 1");
    expect(list(60).filter((line) => line.endsWith(" final 2 1"))).toHaveLength(299);
  });

  it("is made over several commits when there are many", async () => {
    const services = Array.from({ length: 4_000 }, (_, index) => `service-${index}`);
    await emit(services.map((service) => keyed(service, TEN)));
    await emit([], TEN_MS + 60_000);
    await keepHouse();
    const before = flushCount;
    await emit([], TEN_MS + 300_000);
    await keepHouse();
    expect(flushCount - before).toBeGreaterThan(2);
    expect(list(5).filter((line) => line.endsWith(" 0 final 2 1"))).toHaveLength(4_000);
  });
});
