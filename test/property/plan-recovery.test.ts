import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type AgentModel,
  type AggregatorModel,
  applyRecord,
  type Choose,
  contentOf,
  countsOf,
  type ModelRecord,
  NO_AGENT,
  NO_AGGREGATOR,
  recover,
  World,
} from "./recovery-world.ts";

/** A sealed line of records with the agent after each of them; `agents[n]` follows `records[n - 1]`. */
class Timeline {
  readonly records: ModelRecord[];
  readonly agents: AgentModel[];

  constructor(records: readonly ModelRecord[] = [], agents: readonly AgentModel[] = [NO_AGENT]) {
    this.records = [...records];
    this.agents = [...agents];
  }

  live(world: World, count: number, choose: Choose): void {
    for (let step = 0; step < count; step++) {
      world.change(choose);
      if (choose(2) === 0) continue;
      const { record, agent } = world.seal(this.last(), choose);
      this.records.push(record);
      this.agents.push(agent);
    }
  }

  last(): AgentModel {
    return this.agents.at(-1) ?? NO_AGENT;
  }

  /** Whether the agent knew of this content. */
  hasSeen(content: string): boolean {
    return this.agents.some((agent) =>
      agent.files
        .values()
        .some((found) => contentOf({ name: found.inode }, found.guard) === content),
    );
  }

  /** The data directory as it was after so many records. */
  rolledBack(count: number): Timeline {
    return new Timeline(this.records.slice(0, count), this.agents.slice(0, count + 1));
  }

  /** The aggregator after so many of the records. */
  aggregator(count: number): AggregatorModel {
    return this.records.slice(0, count).reduce(applyRecord, NO_AGGREGATOR);
  }
}

const scenario = fc.record({
  seed: fc.integer(),
  steps: fc.integer({ min: 1, max: 14 }),
  later: fc.integer({ min: 0, max: 8 }),
});

/** A generator of numbers below a limit (mulberry32). */
function chooser(seed: number): Choose {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % Math.max(1, limit);
  };
}

/** Records from `oldest` on as they are retained; those in `damaged` are gone. */
function retain(
  timeline: Timeline,
  oldest: number,
  options: { readonly damaged?: number; readonly appliedCount: number },
) {
  const records = timeline.records.map((record, index) => ({
    ...record,
    isApplied: index < options.appliedCount,
    isAfterGap: options.damaged !== undefined && index > options.damaged,
  }));
  return {
    records: records.filter((_, index) => index >= oldest && index !== options.damaged),
    // Headers of segments tell where files began of which the spool holds the first record no more.
    starts: timeline.agents[oldest]?.starts ?? [],
    seen: [...(timeline.agents[oldest]?.files.values() ?? [])],
  };
}

/** Every byte on disk exactly once, bytes that are gone once or ledgered; `starts` are never read. */
function check(
  world: World,
  result: ReturnType<typeof recover>,
  expected: {
    readonly starts: ReadonlyMap<string, number>;
    /** The records whose contents the agent knew of, when what is gone of them has to be ledgered. */
    readonly ledgered?: Timeline;
  },
): void {
  let goneUncounted = 0;
  let counted = 0;
  for (const inode of world.inodes) {
    for (const [index, bytes] of inode.contents.entries()) {
      const content = contentOf(inode, index + 1);
      const counts = countsOf(result.readings, content, bytes);
      const start = expected.starts.get(content) ?? 0;
      counted += counts.reduce((sum, count) => sum + count, 0);
      const isOnDisk = index === inode.contents.length - 1;
      const tooOften = counts.filter((count) => count > 1).length;
      expect({ content, tooOften }).toEqual({ content, tooOften: 0 });
      if (isOnDisk) {
        const missing = counts.findIndex((count, at) => at >= start && count === 0);
        expect({ content, missing }).toEqual({ content, missing: -1 });
      }
      expect({ content, below: counts.slice(0, start).some((count) => count > 0) }).toEqual({
        content,
        below: false,
      });
      if (!isOnDisk && expected.ledgered?.hasSeen(content) === true)
        goneUncounted += counts.filter((count, at) => at >= start && count === 0).length;
    }
  }
  expect(result.ledger.get("aggregated/")?.bytes ?? 0).toBe(counted);
  if (expected.ledgered === undefined) return;
  let lost = 0;
  for (const [key, entry] of result.ledger) if (key.startsWith("lost/")) lost += entry.bytes;
  expect(lost).toBe(goneUncounted);
}

function startsOf(agent: AgentModel): Map<string, number> {
  return new Map(agent.starts.map(({ content, offset }) => [content, offset]));
}

describe("recovery counts every byte exactly once", () => {
  it("when the aggregator was restored to an earlier mark", () => {
    fc.assert(
      fc.property(scenario, ({ seed, steps }) => {
        const choose = chooser(seed);
        const world = new World();
        const timeline = new Timeline();
        timeline.live(world, steps, choose);
        const applied = choose(timeline.records.length + 1);
        const oldest = choose(applied + 1);
        const mark = choose(applied + 1);
        const retained = retain(timeline, oldest, { appliedCount: mark });
        const result = recover(world, timeline.aggregator(mark), { ...retained, isForked: false });
        // What was never sealed and what a truncation took with it before the next seal is the reader's own business.
        check(world, result, { starts: startsOf(timeline.last()) });
      }),
      { numRuns: 1500 },
    );
  });

  it("and drops nothing that continues the mark on an undamaged line", () => {
    fc.assert(
      fc.property(scenario, ({ seed, steps }) => {
        const choose = chooser(seed);
        const world = new World();
        const timeline = new Timeline();
        timeline.live(world, steps, choose);
        const mark = choose(timeline.records.length + 1);
        const oldest = choose(mark + 1);
        const retained = retain(timeline, oldest, { appliedCount: mark });
        const result = recover(world, timeline.aggregator(mark), { ...retained, isForked: false });
        expect(result.plan.kept.size).toBe(timeline.records.length - mark);
        check(world, result, { starts: startsOf(timeline.last()), ledgered: timeline });
      }),
      { numRuns: 500 },
    );
  });

  it("when a record in the middle of the spool is damaged", () => {
    fc.assert(
      fc.property(scenario, ({ seed, steps }) => {
        const choose = chooser(seed);
        const world = new World();
        const timeline = new Timeline();
        timeline.live(world, steps, choose);
        const mark = choose(timeline.records.length + 1);
        const oldest = choose(mark + 1);
        const damaged = oldest + choose(timeline.records.length - oldest + 1);
        const retained = retain(timeline, oldest, { appliedCount: mark, damaged });
        const result = recover(world, timeline.aggregator(mark), { ...retained, isForked: false });
        const starts = startsOf(timeline.last());
        // Where a file began that was first heard of behind the damage nobody knows: whoever looks for files finds it anew.
        const known = new Set(
          timeline.agents[Math.max(damaged, mark)]?.starts.map((start) => start.file),
        );
        fc.pre(timeline.last().starts.every((start) => known.has(start.file)));
        check(world, result, { starts });
      }),
      { numRuns: 1500 },
    );
  });

  it("when the agent was rolled back or cloned and went on from a common past", () => {
    fc.assert(
      fc.property(scenario, ({ seed, steps, later }) => {
        const choose = chooser(seed);
        const world = new World();
        const first = new Timeline();
        first.live(world, steps, choose);
        const common = choose(first.records.length + 1);
        const second = first.rolledBack(common);
        second.live(world, later, choose);
        const mark = common + choose(first.records.length - common + 1);
        const isForked = mark > common;
        const oldest = choose(common + 1);
        const retained = retain(second, oldest, { appliedCount: isForked ? 0 : mark });
        const result = recover(world, first.aggregator(mark), { ...retained, isForked });
        const starts = new Map([
          ...startsOf(second.last()),
          ...startsOf(first.agents[mark] ?? NO_AGENT),
        ]);
        // A beginning that only one branch knows is found anew by whoever looks for files.
        const known = startsOf(first.agents[common] ?? NO_AGENT);
        const isStartKnown = starts.keys().every((content) => known.has(content));
        fc.pre(isStartKnown);
        check(world, result, { starts });
      }),
      { numRuns: 2000 },
    );
  });
});

describe("recovery", () => {
  it("told again after it was interrupted keeps each record once", () => {
    fc.assert(
      fc.property(scenario, ({ seed, steps }) => {
        const choose = chooser(seed);
        const world = new World();
        const timeline = new Timeline();
        timeline.live(world, steps, choose);
        const mark = choose(timeline.records.length + 1);
        const retained = retain(timeline, 0, { appliedCount: mark });
        const aggregator = timeline.aggregator(mark);
        const once = recover(world, aggregator, { ...retained, isForked: false });
        const resealed = [...once.plan.kept].map(([index, kept]) => ({
          digest: `again-${index}`,
          checkpoints: kept.checkpoints,
          heldBefore: kept.heldBefore,
          ledger: kept.ledgerChanges,
          readings: timeline.records[index]?.readings ?? [],
          isApplied: false,
          isAfterGap: false,
        }));
        // Old records are deleted only after those that replace them are synced; later ones may be there or not.
        const dropped = choose(resealed.length + 1);
        const synced = dropped + choose(resealed.length - dropped + 1);
        const old = retained.records.slice(mark + dropped);
        const twice = recover(world, aggregator, {
          records: [...old, ...resealed.slice(0, synced)],
          starts: timeline.agents[mark + dropped]?.starts ?? [],
          seen: [...(timeline.agents[mark + dropped]?.files.values() ?? [])],
          isForked: false,
        });
        check(world, twice, { starts: startsOf(timeline.last()) });
      }),
      { numRuns: 800 },
    );
  });
});
