import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expressionEvent, placeOfEvent } from "../../aggregator/log/keyed-event.ts";
import { nastyLogFaults } from "../../aggregator/log/simulated-log.ts";
import { RuleRun } from "../../aggregator/rules/run-rule.ts";
import { Prng } from "../../shared/platform/simulated/prng.ts";
import type { SelectedEvent } from "../../shared/protocol/selected-event.ts";
import { report, SampleAgent } from "../unit/aggregator/collect/sample-agent.ts";
import {
  alertsOf,
  BURST,
  CROWD,
  event,
  FRAUD,
  NO_SALE,
  ruleSet,
  rulesOf,
  SILENCE,
} from "../unit/aggregator/process/sample-events.ts";
import {
  type Layout,
  SimulatedProcessors,
} from "../unit/aggregator/process/simulated-processors.ts";

const RULES = [FRAUD, SILENCE, NO_SALE, CROWD, BURST] as const;
const AGENTS = ["web-1", "web-2", "web-3"] as const;
const USERS = ["ann", "bob", "eve", "ümit"] as const;
/** Longer than the out-of-orderness and every rule's time. */
const MINUTES_AFTER = 8;

interface AgentEvent {
  readonly agent: string;
  readonly event: SelectedEvent;
}

/** Events of the last hour, which three agents read in some order; many at the same second. */
function randomEvents(prng: Prng, nowMs: number): AgentEvent[] {
  return Array.from({ length: 20 + prng.below(60) }, (_, index) => {
    const fields = prng.below(4) === 0 ? { type: "LOGIN" } : { amount: prng.below(300) };
    const userId = USERS[prng.below(USERS.length)];
    const sample = event(index, 0, { ...fields, userId });
    const timeMs = nowMs - 3_600_000 + 1_000 * prng.below(900);
    return { agent: AGENTS[prng.below(AGENTS.length)] ?? "", event: { ...sample, timeMs } };
  });
}

/** The alerts that the rules find offline, all events at once in their order. */
function offlineAlerts(events: readonly AgentEvent[]): string[] {
  const ordered = events
    .map(({ agent, event }) => ({ place: placeOfEvent(agent, event), event }))
    .toSorted((a, b) => (a.place < b.place ? -1 : 1));
  return rulesOf(...RULES)
    .flatMap((rule) => {
      const run = new RuleRun(rule);
      for (const { place, event } of ordered) run.add(expressionEvent(event, place));
      const found = run.advance(Number.POSITIVE_INFINITY);
      return found.flatMap(({ alert }) => (alert === undefined ? [] : [alert.json]));
    })
    .toSorted();
}

/** Sends the events as their agents would, in batches, some twice, and resolves when all are applied and all time has passed. */
async function runLive(
  world: SimulatedProcessors,
  prng: Prng,
  events: readonly AgentEvent[],
  during: (world: SimulatedProcessors) => void,
): Promise<string[]> {
  const unsent = new Set(events);
  // No agent says that it is further than what any of them has yet to send: nothing is late.
  const reached = () => Math.min(...[...unsent].map(({ event }) => event.timeMs));
  let isDone = false;
  const sending = AGENTS.map(async (name) => {
    const agent = new SampleAgent(name);
    await world.send(agent.fence(1));
    const own = events.filter((one) => one.agent === name);
    for (let at = 0; at < own.length; ) {
      const count = 1 + prng.below(8);
      const part = own.slice(at, at + count);
      at += count;
      const batch = { events: part.map(({ event }) => event), sources: report(reached()) };
      const envelope = agent.send(batch);
      await world.send(envelope);
      if (prng.below(3) === 0) await world.send(envelope);
      for (const one of part) unsent.delete(one);
    }
    return agent;
  });
  const all = Promise.all(sending).then(async (agents) => {
    const sources = report(world.nowMs - 3_600_000 + 900_000 + MINUTES_AFTER * 60_000);
    for (const agent of agents) await world.send(agent.send({ sources }));
    isDone = true;
  });
  for (let step = 0; !isDone && step < 200; step++) {
    during(world);
    await world.pass(1_000);
  }
  await all;
  world.log.faults.unavailable = 0;
  world.log.faults.unknown = 0;
  await world.pass(20_000);
  return world.windowViews.flatMap(alertsOf).map(({ json }) => json);
}

const LAYOUTS = ["embedded", "topics"] as const satisfies readonly Layout[];

describe.each(LAYOUTS)("alerts, %s", (layout) => {
  it("are those of an offline run, each once, in any batching, with duplicates", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const prng = new Prng(seed);
        const world = new SimulatedProcessors(layout, seed, {}, { rules });
        const events = randomEvents(prng, world.nowMs);
        const live = await runLive(world, prng, events, () => undefined);
        expect(live.toSorted()).toEqual(offlineAlerts(events));
      }),
      { numRuns: 12 },
    );
  });

  it("are those of an offline run with crashes and a log that fails at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const prng = new Prng(seed);
        const world = new SimulatedProcessors(layout, seed, { ...nastyLogFaults }, { rules });
        const events = randomEvents(prng, world.nowMs);
        const live = await runLive(world, prng, events, (running) => {
          if (prng.below(4) === 0) running.restart();
        });
        expect(live.toSorted()).toEqual(offlineAlerts(events));
      }),
      { numRuns: 12 },
    );
  });
});

function rules() {
  return RULE_SET;
}

const RULE_SET = ruleSet(...RULES);

describe("the offline run", () => {
  it("finds alerts of every rule in such events", () => {
    const found = offlineAlerts(randomEvents(new Prng(1), Date.UTC(2026, 0, 6)));
    expect(found.length).toBeGreaterThan(20);
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((json) => json.includes("BURST")).length).toBeGreaterThan(0);
  });
});
