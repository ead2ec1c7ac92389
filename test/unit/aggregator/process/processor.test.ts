import { describe, expect, it } from "vitest";
import type { AnyOperation } from "../../../../aggregator/alerts/operation.ts";
import { type LogFaults, nastyLogFaults } from "../../../../aggregator/log/simulated-log.ts";
import { rangeOf } from "../../../../aggregator/state/keys.ts";
import {
  readAgent,
  readCollectRow,
  readProcessRow,
} from "../../../../aggregator/state/read-agents.ts";
import { readAlerts } from "../../../../aggregator/state/read-alerts.ts";
import { encodeAggregate } from "../../../../aggregator/state/window-row.ts";
import { Prng } from "../../../../shared/platform/simulated/prng.ts";
import type { Batch } from "../../../../shared/protocol/batch.ts";
import { delta, report, SampleAgent } from "../collect/sample-agent.ts";
import { INLET, rangeEntry, recordAt } from "../collect/sample-records.ts";
import { allWindows } from "./sample-deltas.ts";
import { rulesOf } from "./sample-thresholds.ts";
import { type Layout, SimulatedProcessors } from "./simulated-processors.ts";

const LAYOUTS = ["embedded", "topics"] as const;

/** Everything that windows must have in common whatever the way they took: all but revision, state and contributors. */
function contents(world: SimulatedProcessors): string[] {
  return allWindows(...world.windowViews).map(
    ({ service, minute, aggregate }) =>
      `${service} ${minute} ${encodeAggregate(aggregate).toString("hex")}`,
  );
}

function states(world: SimulatedProcessors): string[] {
  return [...new Set(allWindows(...world.windowViews).map(({ state }) => state))].toSorted();
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

/** One agent's batches around `nowMs`, the same for the same seed. */
function randomBatches(prng: Prng, nowMs: number, count: number): Partial<Batch>[] {
  const batches: Partial<Batch>[] = [];
  for (let index = 0; index < count; index++) {
    const timeMs = nowMs + index * 5000 - prng.below(20_000);
    const deltas = Array.from({ length: prng.below(6) }, () => {
      const minute = Math.floor(timeMs / 60_000) - prng.below(5);
      return delta(`service-${prng.below(12)}`, minute, 1 + prng.below(9), prng.below(3));
    });
    batches.push({ deltas, sources: report(timeMs) });
  }
  return batches;
}

/** Sends the batches of three agents side by side; `pauseMs` between an agent's requests. */
async function runFleet(
  world: SimulatedProcessors,
  seed: number,
  during: (world: SimulatedProcessors) => Promise<void> = async () => undefined,
): Promise<SampleAgent[]> {
  const start = Date.UTC(2026, 0, 6, 11, 58, 30);
  const agents = ["web-1", "web-2", "web-3"].map((name) => new SampleAgent(name));
  const sending = agents.map(async (agent, index) => {
    await world.send(agent.fence(1));
    for (const batch of randomBatches(new Prng(seed * 10 + index), start, 12)) {
      const result = await world.send(agent.send(batch));
      if (result.kind !== "envelope") throw new Error("an envelope has an envelope's result");
      expect(["applied", "duplicate"]).toContain(result.outcomes.at(-1)?.outcome);
    }
    await world.send(agent.send({ sources: report(undefined, "ended") }));
  });
  let isDone = false;
  const all = Promise.all(sending).then(() => {
    isDone = true;
  });
  for (let minute = 0; !isDone && minute < 60; minute++) {
    await during(world);
    await world.pass(10_000);
  }
  expect(isDone).toBe(true);
  await all;
  world.log.faults.unavailable = 0;
  world.log.faults.unknown = 0;
  await world.pass(600_000);
  return agents;
}

describe.each(LAYOUTS)("a processor, %s", (layout: Layout) => {
  it("answers what became of an entry once it is committed and can be read", async () => {
    const world = new SimulatedProcessors(layout, 1);
    const agent = new SampleAgent("web-1");
    const seen: string[] = [];
    void (async () => {
      const fence = await world.send(agent.fence(1));
      seen.push(fence.kind === "fence" ? fence.verdict : fence.kind);
      const batch = { deltas: [delta("orders", Math.floor(world.nowMs / 60_000), 3)] };
      const result = await world.send(agent.send(batch));
      seen.push(result.kind === "envelope" ? String(result.outcomes[0]?.outcome) : result.kind);
      const row = world.agentViews.map((view) => readAgent(view, "", "web-1")).find(Boolean);
      seen.push(`sequence ${row?.sequence}`);
      if (layout === "embedded") seen.push(`windows ${contents(world).length}`);
    })();
    await world.pass(5000);
    expect(seen.slice(0, 3)).toEqual(["taken", "applied", "sequence 1"]);
    expect(seen[3]).toBe(layout === "embedded" ? "windows 1" : undefined);
    expect(contents(world)).toHaveLength(1);
  });

  it("makes windows final by ticks alone when all agents fall silent", async () => {
    const world = new SimulatedProcessors(layout, 2);
    const agent = new SampleAgent("web-1");
    const minute = Math.floor(world.nowMs / 60_000);
    void world
      .send(agent.fence(1))
      .then(() =>
        world.send(agent.send({ deltas: [delta("orders", minute)], sources: report(world.nowMs) })),
      );
    await world.pass(30_000);
    expect(states(world)).toEqual(["provisional"]);
    await world.pass(120_000);
    expect(states(world)).toEqual(["final"]);
  });

  it("makes windows of the past final as soon as their sources ended", async () => {
    const world = new SimulatedProcessors(layout, 3);
    const agent = new SampleAgent("web-1");
    const timeMs = world.nowMs - 30 * 86_400_000;
    const deltas = [0, 1, 2].map((index) => delta("orders", Math.floor(timeMs / 60_000) - index));
    void world
      .send(agent.fence(1))
      .then(() => world.send(agent.send({ deltas, sources: report(timeMs, "ended") })));
    await world.pass(3000);
    expect(states(world)).toEqual(["final"]);
  });

  it("reports progress, and a lag of nothing when all is read", async () => {
    const world = new SimulatedProcessors(layout, 4);
    await world.pass(10_000);
    for (const progress of world.processor.progress()) {
      expect(progress.isOwned).toBe(true);
      expect(progress.lagMs).toBeLessThanOrEqual(1000);
      if (progress.topic === "batches") {
        expect(world.simulation.timeMs - progress.lastProgressMs).toBeLessThan(2000);
      }
    }
  });

  it("trims what is applied", async () => {
    const world = new SimulatedProcessors(layout, 5);
    await world.pass(300_000);
    expect(world.log.records("batches", 0).length).toBeLessThan(120);
  });

  it("closes while it waits for records, and starts again where it was", async () => {
    const world = new SimulatedProcessors(layout, 6);
    await world.pass(5000);
    const positions = world.processor.progress().map(({ position }) => position);
    let isClosed = false;
    void world.processor.close().then(() => {
      isClosed = true;
    });
    await world.pass(1000);
    expect(isClosed).toBe(true);
    world.restart();
    await world.pass(3000);
    world.processor.progress().forEach(({ position }, index) => {
      expect(position).toBeGreaterThanOrEqual(positions[index] ?? 0);
    });
  });
});

describe("one owner and four partitions with two owners", () => {
  it.each([1, 2, 3])("make the same windows of the same batches, fleet %i", async (seed) => {
    const results: string[][] = [];
    for (const layout of LAYOUTS) {
      const world = new SimulatedProcessors(layout, seed);
      await runFleet(world, seed);
      results.push(contents(world));
      expect(states(world)).not.toContain("provisional");
    }
    expect(results[0]?.length).toBeGreaterThan(20);
    expect(results[1]).toEqual(results[0]);
  });

  it.each([4, 5, 6, 7, 8, 9])(
    "make them also on a nasty log, with kills in between, fleet %i",
    async (seed) => {
      const calm = new SimulatedProcessors("embedded", seed);
      await runFleet(calm, seed);
      for (const layout of LAYOUTS) {
        const faults: LogFaults = { ...nastyLogFaults };
        const world = new SimulatedProcessors(layout, seed, faults);
        const agents = await runFleet(world, seed, async () => {
          if (!world.simulation.prng.chance(0.3)) return;
          await world.pass(world.simulation.prng.below(3000));
          world.restart();
        });
        expect(contents(world)).toEqual(contents(calm));
        for (const agent of agents) {
          const rows = world.agentViews.map((view) => readAgent(view, "", agent.agent));
          expect(rows.find(Boolean)).toMatchObject({ sequence: 13, digest: agent.digest });
        }
      }
    },
  );

  it("raise an alert about the program itself or an agent once, and do what people do everywhere", async () => {
    for (const layout of LAYOUTS) {
      const rules = rulesOf([
        `{ name: silent, summary: s, stream: agents, condition: "silentSeconds > 60", alert: { type: SILENT, severity: info, message: m } }`,
      ]);
      const world = new SimulatedProcessors(layout, 11, {}, { rules: () => rules });
      await world.pass(5_000);
      const operate = async (operation: AnyOperation) => {
        const sent = world.send({ kind: "operation", tenant: "", json: JSON.stringify(operation) });
        await world.pass(5_000);
        await sent;
      };
      await operate({ kind: "agents", widthMs: 30_000, silent: { "web-9": 600 } });
      const alerts = world.windowViews.flatMap((view) => readAlerts(view, 0, 10));
      expect(alerts.map(({ alert }) => alert.state)).toEqual(["firing"]);
      const silence = {
        ...{
          matchers: [{ name: "a", value: "b", isRegex: false, isEqual: true }],
          endsAt: new Date(world.nowMs + 60_000).toISOString(),
        },
        ...{ createdBy: "ann", comment: "c" },
      };
      await operate({ kind: "silence", by: "ann", operationId: "o", newId: "s", silence });
      const { from, to } = rangeOf("silence/");
      for (const view of world.windowViews) expect([...view.range(from, to)]).toHaveLength(1);
    }
  });

  it("balance: lines received are lines merged and too late", async () => {
    for (const layout of LAYOUTS) {
      const world = new SimulatedProcessors(layout, 10, nastyLogFaults);
      await runFleet(world, 10);
      const received = sum(world.agentViews, (view) => readCollectRow(view).receivedLines);
      const windows = allWindows(...world.windowViews);
      const merged = sum(windows, ({ aggregate }) => aggregate.requestCount);
      const counted = sum(world.windowViews, (view) => readProcessRow(view).mergedLines);
      expect(received).toBeGreaterThan(100);
      expect([merged, counted]).toEqual([received, received]);
    }
  });
});

describe("a batch that does not fit into one commit", () => {
  it.each([
    ["embedded", 6000, 2],
    ["topics", 14_000, 60],
  ] as const)("is applied whole, also when it is interrupted, %s", async (layout, count, lines) => {
    const world = new SimulatedProcessors(layout, 12, { unknown: 0.6, lateMsMax: 500 });
    const agent = new SampleAgent("web-1");
    const minute = Math.floor(world.nowMs / 60_000);
    const deltas = Array.from({ length: count }, (_, index) => delta(`s${index}`, minute, lines));
    let isApplied = false;
    void world
      .send(agent.fence(1))
      .then(() => world.send(agent.send({ deltas })))
      .then(() => {
        isApplied = true;
      });
    for (let second = 0; second < 600 && !isApplied; second++) await world.pass(1000);
    expect(isApplied).toBe(true);
    world.log.faults.unknown = 0;
    await world.pass(60_000);
    const windows = allWindows(...world.windowViews);
    expect(windows).toHaveLength(count);
    const counts = new Set(windows.map(({ aggregate }) => aggregate.requestCount));
    expect(counts).toEqual(new Set([lines]));
  });
});

describe.each(LAYOUTS)("inlets in the layout %s", (layout) => {
  it.each([1, 2, 3])(
    "count each record once on a log that doubles and delays, seed %i",
    async (seed) => {
      const world = new SimulatedProcessors(layout, seed, nastyLogFaults);
      const expected = new Map<string, number>();
      const read = async (place: string) => {
        const prng = new Prng(seed + place.length);
        let position = 0;
        for (let entry = 0; entry < 12; entry++) {
          const records = Array.from({ length: 1 + prng.below(20) }, () => {
            const service = `service-${prng.below(4)}`;
            const timeMs = world.nowMs - prng.below(240_000);
            const key = `${service} ${Math.floor(timeMs / 60_000)}`;
            expected.set(key, (expected.get(key) ?? 0) + 1);
            return recordAt(timeMs, service);
          });
          const name = { ...INLET, place };
          const result = await world.send(rangeEntry(position, records, name));
          expect(result).toMatchObject({ kind: "inlet", position: position + records.length });
          position += records.length;
          // A reader that was away and reads everything again changes nothing.
          const again = await world.send(rangeEntry(0, records.slice(0, 1), name));
          expect(again).toMatchObject({ verdict: "duplicate", position });
          if (entry === 6) world.restart();
        }
      };
      let isDone = false;
      const all = Promise.all(["a/0", "a/10", "b/100"].map(read)).then(() => {
        isDone = true;
      });
      for (let round = 0; !isDone && round < 500; round++) await world.pass(5_000);
      expect(isDone).toBe(true);
      await all;
      await world.pass(5_000);
      const found = allWindows(...world.windowViews).map(
        ({ service, minute, aggregate }) =>
          [`${service} ${minute}`, aggregate.requestCount] as const,
      );
      expect(new Map(found)).toEqual(expected);
    },
  );
});
