import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { KeyedDelta } from "../../aggregator/log/keyed-entry.ts";
import { StageTwo, WINDOW_DEFAULTS } from "../../aggregator/process/stage-two.ts";
import { MemoryStore } from "../../aggregator/state/memory-store.ts";
import { readProcessRow } from "../../aggregator/state/read-agents.ts";
import {
  readChanges,
  readWindow,
  readWindows,
  type StoredWindow,
} from "../../aggregator/state/read-windows.ts";
import { ROLL_UP_WIDTHS } from "../../aggregator/state/roll-up-widths.ts";
import { encodeAggregate } from "../../aggregator/state/window-row.ts";
import { windowStartMinute } from "../../shared/time/window.ts";
import { TEN } from "../unit/aggregator/collect/sample-agent.ts";
import { allWindows, apart, keyed, STREAM } from "../unit/aggregator/process/sample-deltas.ts";

const DAY = 1440;

/** What happens to stage 2: data, a watermark, a commit, a crash. */
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("delta" as const),
      service: fc.constantFrom("a", "b/c"),
      // Few minutes, so that parts meet; three days, so that days end.
      minute: fc
        .tuple(fc.nat({ max: 2 }), fc.constantFrom(0, 1, 4, 5, 59, 60, 61, 300, 1439))
        .map(([day, minute]) => windowStartMinute(TEN, DAY) + day * DAY + minute),
      count: fc.integer({ min: 1, max: 3 }),
      agent: fc.constantFrom("web-1", "web-2"),
      host: fc.option(fc.constantFrom("x", "y"), { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("watermark" as const),
      minute: fc
        .integer({ min: 0, max: 4 * DAY })
        .map((minute) => windowStartMinute(TEN, DAY) + minute),
    }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "commit" as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: "slice" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
);

function parts({
  aggregate,
  contributors,
}: KeyedDelta): Pick<KeyedDelta, "aggregate" | "contributors"> {
  return { aggregate, contributors };
}

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

async function run(steps: readonly Step[], cacheBytesMax: number) {
  const store = new MemoryStore();
  const settings = { ...WINDOW_DEFAULTS, cacheBytesMax };
  let stage = new StageTwo(store, settings);
  const commit = async () => {
    stage.housekeep();
    await store.commit(stage.flush().changes);
    stage.settle();
  };
  for (const next of steps) {
    if (next.kind === "delta") {
      const { service, minute, count, agent, host } = next;
      const whole = keyed(service, minute, count, agent);
      stage.merge(
        host === undefined
          ? whole
          : { ...apart(service, minute, count, { host }), ...parts(whole) },
      );
    } else if (next.kind === "watermark") {
      stage.observe(0, { watermarkMs: next.minute * 60_000, idle: false, selection: undefined });
    } else if (next.kind === "commit") {
      await commit();
    } else if (next.kind === "slice") {
      // Of a group that is too large for one commit.
      await store.commit(stage.flush().changes);
      stage.settle();
    } else {
      // What was not committed is gone; what follows must not depend on it.
      stage = new StageTwo(store, settings);
    }
  }
  await commit();
  while (stage.hasHousekeeping) await commit();
  return store;
}

function say({ service, minute, windowMinutes, revision, aggregate, contributors }: StoredWindow) {
  const bytes = encodeAggregate(aggregate).toString("hex");
  return `${windowMinutes} ${service} ${minute} ${revision} ${bytes} ${JSON.stringify(contributors)}`;
}

/** The windows of a width, merged from minutes by this test. */
function merged(store: MemoryStore, width: number): string[] {
  const groups = new Map<string, StoredWindow & { revision: number }>();
  for (const window of allWindows(store)) {
    const minute = windowStartMinute(window.minute, width);
    const key = `${minute} ${window.service}`;
    const known = groups.get(key);
    if (known === undefined) {
      groups.set(key, { ...window, minute, windowMinutes: width });
      continue;
    }
    known.aggregate.merge(window.aggregate);
    known.revision += window.revision;
    const byAgent = new Map([...known.contributors].map((each) => [each.agent, { ...each }]));
    for (const each of window.contributors) {
      const before = byAgent.get(each.agent);
      if (before === undefined) byAgent.set(each.agent, { ...each });
      else before.requestCount += each.requestCount;
    }
    const contributors = [...byAgent.values()].sort((a, b) => (a.agent < b.agent ? -1 : 1));
    groups.set(key, { ...known, contributors });
  }
  return [...groups.values()].map(say);
}

const steps = fc.array(step, { maxLength: 60 });
const cache = fc.constantFrom(1, 1_000_000);

describe("roll-ups", () => {
  it("are what their minutes are together, in any order and after any crash, and so are their revisions (WIN-03)", async () => {
    await fc.assert(
      fc.asyncProperty(steps, cache, async (list, cacheBytesMax) => {
        const store = await run(list, cacheBytesMax);
        for (const width of ROLL_UP_WIDTHS) {
          const { windows } = readWindows([store], {
            ...{ tenant: "", stream: STREAM, service: undefined, after: undefined, limit: 1_000 },
            ...{ fromMinute: Number.NEGATIVE_INFINITY, toMinute: Number.POSITIVE_INFINITY },
            stepMinutes: width,
          });
          expect(windows.map(say).toSorted()).toEqual(merged(store, width).toSorted());
          for (const window of windows) {
            expect(say(readWindow(store, window, window.minute, width) ?? window)).toBe(
              say(window),
            );
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("are stored for all that is over, final or corrected, each once in the index of changes", async () => {
    await fc.assert(
      fc.asyncProperty(steps, cache, async (list, cacheBytesMax) => {
        const store = await run(list, cacheBytesMax);
        const { finalMinute = Number.NEGATIVE_INFINITY } = readProcessRow(store);
        for (const width of ROLL_UP_WIDTHS) {
          const over = merged(store, width).filter(
            (text) => Number(text.split(" ")[2]) + width <= finalMinute + 1,
          );
          const changed = readChanges(store, 0, 1_000)
            .map(({ window }) => window)
            .filter(({ windowMinutes }) => windowMinutes === width);
          const whole = changed.filter(({ dimensions }) => dimensions === undefined);
          expect(whole.map(say).toSorted()).toEqual(over.toSorted());
          expect(changed.every(({ state }) => state !== "provisional")).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
