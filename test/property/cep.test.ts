/** Properties of the pattern engine on small random patterns and streams; Flink's own answers stand in test/golden/cep. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compilePattern } from "../../aggregator/cep/compile.ts";
import {
  decodeKeyState,
  encodedDeadlineMs,
  encodeKeyState,
} from "../../aggregator/cep/key-codec.ts";
import { type KeyFound, PatternOperator } from "../../aggregator/cep/operator.ts";
import type { Pattern } from "../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";
import { SkipMissError } from "../../aggregator/cep/skip-strategy.ts";
import { restoreSnapshot, takeSnapshot } from "../../aggregator/cep/snapshot.ts";
import { present } from "../../shared/assert.ts";
import { type NaiveStage, naiveMatches, type Reach } from "./naive-matcher.ts";
import { eventLists, patterns, TYPES } from "./random-patterns.ts";

const LAG_MS = 3;

function operatorOf(pattern: Pattern): PatternOperator {
  const { automaton } = compilePattern(pattern);
  if (automaton === undefined) throw new Error("the pattern does not compile");
  return new PatternOperator(automaton);
}

const shown = ({ kind, key, ts, stages }: KeyFound) =>
  `${kind} ${key} @${ts} ${[...stages].map(([name, events]) => `${name}=${events.map(({ id }) => id)}`).join(" ")}`;

/** Everything that comes out, the failure of a rule included; `between` is called before each event and may replace the operator. */
function run(
  start: PatternOperator,
  events: readonly CepEvent[],
  between: (operator: PatternOperator) => PatternOperator = (operator) => operator,
): string[] {
  let operator = start;
  const found: string[] = [];
  const emit = (one: KeyFound) => found.push(shown(one));
  let newestMs = Number.NEGATIVE_INFINITY;
  try {
    for (const event of events) {
      operator = between(operator);
      operator.add(event);
      newestMs = Math.max(newestMs, event.ts);
      operator.advance(newestMs - LAG_MS, emit);
    }
    operator.advance(Number.POSITIVE_INFINITY, emit);
  } catch (error) {
    if (!(error instanceof SkipMissError)) throw error;
    found.push(`failed: ${error.message}`);
  }
  return found;
}

describe("the state of an operator", () => {
  test("taken and restored before every event changes nothing, not even the order", () => {
    fc.assert(
      fc.property(patterns, eventLists, (pattern, events) => {
        const restored = run(operatorOf(pattern), events, (operator) => {
          const next = operatorOf(pattern);
          const snapshot: unknown = JSON.parse(JSON.stringify(takeSnapshot(operator)));
          expect(restoreSnapshot(next, snapshot)).toBe(true);
          return next;
        });
        expect(restored).toEqual(run(operatorOf(pattern), events));
      }),
      { numRuns: 500 },
    );
  });

  test("encoded key by key before every event changes nothing either", () => {
    fc.assert(
      fc.property(patterns, eventLists, (pattern, events) => {
        const restored = run(operatorOf(pattern), events, (operator) => {
          const { automaton, matcher } = operator;
          const next = operatorOf(pattern);
          const keys = [...operator.keys].map(([key, state]) => {
            const deadlineMs = matcher.deadlineMs(state);
            const bytes = encodeKeyState(automaton, key, state, deadlineMs);
            expect(encodedDeadlineMs(bytes)).toBe(deadlineMs);
            const decoded = present(decodeKeyState(automaton, bytes), "state of this pattern");
            expect(decoded.key).toBe(key);
            return [decoded.key, decoded.state] as const;
          });
          const { watermarkMs } = operator;
          const timers = operator.timers() ?? [];
          next.restore({ watermarkMs, waiting: operator.waitingEvents(), keys, timers });
          return next;
        });
        expect(restored).toEqual(run(operatorOf(pattern), events));
      }),
      { numRuns: 500 },
    );
  });

  test("is the same after an event of which the matcher says that it changed nothing", () => {
    fc.assert(
      fc.property(patterns, eventLists, (pattern, events) => {
        const { automaton, matcher } = operatorOf({ ...pattern, skipThrowOnMiss: false });
        const state = matcher.newState();
        const bytes = () => encodeKeyState(automaton, null, state, matcher.deadlineMs(state));
        for (const event of events.toSorted((a, b) => a.ts - b.ts)) {
          const before = bytes();
          const isOlder = matcher.advance(state, event.ts, () => undefined);
          const isChanged = matcher.process(state, event, () => undefined);
          if (!isOlder && !isChanged) expect(bytes()).toEqual(before);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("holds no event after the end of a stream with a time limit", () => {
    fc.assert(
      fc.property(patterns, eventLists, (pattern, events) => {
        const operator = operatorOf({ ...pattern, within: 9, skipThrowOnMiss: false });
        run(operator, events);
        expect(operator.keyCount).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe("keys", () => {
  test("give the same results however they are parted over operators", () => {
    const parts = fc.record({ k1: fc.nat(2), k2: fc.nat(2), k3: fc.nat(2) });
    fc.assert(
      fc.property(patterns, eventLists, parts, (pattern, events, part) => {
        const whole = { ...pattern, skipThrowOnMiss: false };
        const operators = [0, 1, 2].map(() => operatorOf(whole));
        const found: string[] = [];
        const emit = (one: KeyFound) => found.push(shown(one));
        let newestMs = Number.NEGATIVE_INFINITY;
        for (const event of events) {
          const index = Object.entries(part).find(([key]) => key === event.key)?.[1] ?? 0;
          operators[index]?.add(event);
          newestMs = Math.max(newestMs, event.ts);
          for (const operator of operators) operator.advance(newestMs - LAG_MS, emit);
        }
        for (const operator of operators) operator.advance(Number.POSITIVE_INFINITY, emit);
        expect(found.toSorted()).toEqual(run(operatorOf(whole), events).toSorted());
      }),
      { numRuns: 500 },
    );
  });
});

/** A stage with the ban behind it, in both languages: that of patterns and that of the naive matcher. */
const naiveStages = fc
  .record({
    reach: fc.constantFrom<Reach>("next", "followedBy", "followedByAny"),
    inner: fc.constantFrom<Reach>("next", "followedBy", "followedByAny"),
    types: fc.subarray([...TYPES], { minLength: 1 }),
    vMin: fc.integer({ min: 0, max: 2 }),
    times: fc.constantFrom<[number, number]>([1, 1], [2, 2], [1, 3], [2, 3], [1, 99], [2, 99]),
    isOptional: fc.boolean(),
    isBanned: fc.boolean(),
  })
  .map(({ reach, inner, types, vMin, times: [min, max], isOptional, isBanned }) => ({
    naive: {
      ...{ reach, inner, min, max, isOptional: isOptional && !isBanned },
      accepts: ({ type, fields }: CepEvent) =>
        types.some((one) => one === type) && Number(fields["v"]) >= vMin,
      bans: isBanned ? ({ type }: CepEvent) => type === "N" : undefined,
    },
    stage: {
      where: `type in [${types.map((type) => `'${type}'`).join(", ")}] && v >= ${vMin}`,
      ...(max === 1 ? {} : { times: { min, max: max === 99 ? null : max } }),
      ...(max > 1 && inner === "next" ? { consecutive: true } : {}),
      ...(max > 1 && inner === "followedByAny" ? { allowCombinations: true } : {}),
      ...(isOptional && !isBanned ? { optional: true } : {}),
    },
  }));

describe("contiguity, times, optional stages, bans and within", () => {
  test("match what an exhaustive search finds", () => {
    let count = 0;
    fc.assert(
      fc.property(
        fc.array(naiveStages, { minLength: 1, maxLength: 4 }),
        fc.option(fc.integer({ min: 1, max: 20 })),
        bannedEventLists,
        (list, within, unordered) => {
          // A ban at the end, or before a stage that may be left out, means something else; beside a range it holds in part, as in Flink.
          const parts = list.map(({ naive, stage }, index) => {
            const next = list[index + 1]?.naive;
            const hasBan = isNoRange(naive) && isNoRange(next) && next?.isOptional === false;
            return { naive: hasBan ? naive : { ...naive, bans: undefined }, stage };
          });
          const events = unordered
            .toSorted((a, b) => a.ts - b.ts)
            .slice(0, 9)
            .map((event, id) => ({ ...event, id }));
          const pattern: Pattern = {
            ...(within === null ? {} : { within }),
            stages: parts.flatMap(({ naive, stage }, index) => [
              { name: `s${index}`, ...(index === 0 ? {} : { contiguity: naive.reach }), ...stage },
              ...(naive.bans === undefined ? [] : [{ ...BAN, name: `n${index}` }]),
            ]),
          };
          const matches = run(operatorOf(pattern), events)
            .filter((text) => text.startsWith("match"))
            .map((text) => text.replace(/^match null @\S+ /, "").replaceAll(/s(\d)=/g, "$1:"));
          const naive = naiveMatches(
            parts.map((part) => part.naive),
            within ?? undefined,
            events,
          );
          count += naive.length;
          expect(matches.toSorted()).toEqual(naive.toSorted());
        },
      ),
      { numRuns: 2000 },
    );
    expect(count).toBeGreaterThan(1000);
  });
});

const isNoRange = (stage: NaiveStage | undefined) =>
  stage !== undefined && (stage.min === stage.max || stage.max === 99);
const BAN = { contiguity: "notFollowedBy", where: "type == 'N'" } as const;
const bannedEventLists = eventLists.map((events) =>
  events.map((event) => (Number(event.id) % 5 === 4 ? { ...event, type: "N" } : event)),
);
