import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Aggregate, LEVELS } from "../../shared/aggregates/aggregate.ts";
import { nearestRank } from "../../shared/aggregates/quantile-sketch.ts";

const duration = fc.oneof(
  fc.constant(-1),
  fc.constant(0),
  fc.integer({ min: 1, max: 100_000 }),
  fc.integer({ min: 0, max: 2 ** 40 - 1 }),
);
const event = fc.record({ level: fc.nat({ max: LEVELS.length - 1 }), duration });
const events = fc.array(event, { maxLength: 60 });
type Event = { readonly level: number; readonly duration: number };

function aggregateOf(list: readonly Event[]): Aggregate {
  const aggregate = new Aggregate();
  for (const { level, duration: us } of list) aggregate.add(level, us);
  return aggregate;
}

function merged(...parts: readonly Aggregate[]): Aggregate {
  const aggregate = new Aggregate();
  for (const part of parts) aggregate.merge(part);
  return aggregate;
}

/** Everything of an aggregate, as a value that compares bit for bit. */
function state(aggregate: Aggregate): unknown {
  const { sketch } = aggregate;
  return {
    levels: aggregate.levels,
    sum: [aggregate.durationSumHigh, aggregate.durationSumLow],
    extremes: [aggregate.durationMin, aggregate.durationMax],
    zeroCount: sketch.zeroCount,
    count: sketch.count,
    first: sketch.bins.length === 0 ? undefined : sketch.first,
    bins: sketch.bins,
    folded: aggregate.folded,
  };
}

describe("the merge of aggregates", () => {
  test("gives any partition of the events in any order the same state", () => {
    fc.assert(
      fc.property(
        events,
        fc.infiniteStream(fc.nat({ max: 3 })),
        fc.boolean(),
        (list, deal, back) => {
          const parts: Event[][] = [[], [], [], []];
          for (const item of list) parts[deal.next().value]?.push(item);
          const partials = parts.map(aggregateOf);
          if (back) partials.reverse();
          expect(state(merged(...partials))).toEqual(state(aggregateOf(list)));
        },
      ),
    );
  });

  test("is associative and commutative, with the empty aggregate as its neutral element", () => {
    fc.assert(
      fc.property(events, events, events, (one, two, three) => {
        const [a, b, c] = [aggregateOf(one), aggregateOf(two), aggregateOf(three)];
        expect(state(merged(merged(a, b), c))).toEqual(state(merged(a, merged(b, c))));
        expect(state(merged(a, b))).toEqual(state(merged(b, a)));
        expect(state(merged(new Aggregate(), a))).toEqual(state(a));
      }),
    );
  });

  test("leaves what was merged as it was", () => {
    fc.assert(
      fc.property(events, events, (one, two) => {
        const a = aggregateOf(one);
        const b = aggregateOf(two);
        const before = JSON.stringify(state(b));
        a.merge(b);
        a.add(2, 77);
        expect(JSON.stringify(state(b))).toBe(before);
      }),
    );
  });
});

describe("quantiles of an aggregate", () => {
  test("are within 1 % of the value at the nearest rank and between the extremes", () => {
    const values = fc.array(fc.integer({ min: 0, max: 2 ** 40 - 1 }), {
      minLength: 1,
      maxLength: 200,
    });
    fc.assert(
      fc.property(values, fc.nat({ max: 1000 }), (list, permille) => {
        const q = permille / 1000;
        const sorted = list.toSorted((a, b) => a - b);
        const exact = sorted[nearestRank(q, sorted.length) - 1] ?? Number.NaN;
        const found =
          aggregateOf(list.map((us) => ({ level: 2, duration: us }))).durationQuantile(q) ??
          Number.NaN;
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(0.01 * exact);
        expect(found).toBeGreaterThanOrEqual(sorted[0] ?? 0);
        expect(found).toBeLessThanOrEqual(sorted.at(-1) ?? 0);
      }),
    );
  });
});
