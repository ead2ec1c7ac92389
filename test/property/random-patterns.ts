/** Small random patterns and streams for the properties of the pattern engine. */
import fc from "fast-check";
import { compilePattern } from "../../aggregator/cep/compile.ts";
import type { Pattern, Stage } from "../../aggregator/cep/pattern.ts";
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";

/** Types of the events. */
export const TYPES = ["A", "B", "C"] as const;
/** Streams of three keys, nearly in order. */
export const eventLists = fc
  .array(
    fc.record({
      gapMs: fc.integer({ min: -4, max: 5 }),
      key: fc.constantFrom("k1", "k2", "k3"),
      type: fc.constantFrom(...TYPES),
      v: fc.integer({ min: 0, max: 3 }),
    }),
    { maxLength: 14 },
  )
  .map((list) => {
    let ts = 100;
    return list.map(({ gapMs, key, type, v }, id): CepEvent => {
      ts = Math.max(0, ts + gapMs);
      return { id, ts, key, type, fields: { v } };
    });
  });

const conditions = fc.constantFrom(
  "type == 'A'",
  "type == 'B'",
  "type in ['A', 'B']",
  "v > 1",
  "!type == 'C'",
  "type == 'B' && v >= last(s0.v)",
);

const stages: fc.Arbitrary<Omit<Stage, "name">> = fc.record(
  {
    contiguity: fc.constantFrom("next", "followedBy", "followedByAny", "notNext", "notFollowedBy"),
    where: conditions,
    times: fc.constantFrom(
      { min: 1, max: null },
      { min: 2, max: null },
      { min: 1, max: 3 },
      { min: 0, max: 2 },
    ),
    optional: fc.boolean(),
    consecutive: fc.boolean(),
    greedy: fc.boolean(),
    until: fc.constant("v == 3"),
  },
  { requiredKeys: ["contiguity", "where"] },
);

/** Patterns of every kind that can be compiled. */
export const patterns = fc
  .record({
    key: fc.constant("key"),
    within: fc.constantFrom(undefined, 4, 9, 30),
    skip: fc.constantFrom("noSkip", "skipToNext", "skipPastLastEvent", "skipToFirst", "skipToLast"),
    skipStage: fc.constant("s0"),
    skipThrowOnMiss: fc.boolean(),
    list: fc.array(stages, { minLength: 1, maxLength: 4 }),
  })
  .map(({ list, within, ...pattern }): Pattern => {
    const named = list.map(({ contiguity, ...stage }, index): Stage => {
      const name = `s${index}`;
      return index === 0 ? { name, ...stage } : { name, contiguity, ...stage };
    });
    return { ...pattern, ...(within === undefined ? {} : { within }), stages: named };
  })
  .filter((pattern) => compilePattern(pattern).automaton !== undefined);
