import { describe, expect, it } from "vitest";
import { RuleMachine } from "../../../../aggregator/rules/rule-machine.ts";
import { FRAUD, rulesOf, SILENCE } from "../process/sample-events.ts";

const LIMITS = { partialsMax: 3, eventsMax: 100, ageMsMax: 1_000_000 };

function machine(text: string): RuleMachine {
  const [rule] = rulesOf(text);
  if (rule === undefined) throw new Error("no rule");
  return new RuleMachine(rule, LIMITS);
}

const event = (
  ts: number,
  fields: Readonly<Record<string, unknown>>,
  type: string | null = null,
) => ({
  ...{ id: `${ts}`, ts, key: null },
  ...{ type, fields },
});

describe("a rule over one value of its key", () => {
  it("goes on from its bytes as if it had never stopped", () => {
    const rule = machine(FRAUD);
    const state = rule.begin();
    expect(rule.take(state, event(1, { amount: 200 })).found).toEqual([]);
    const restored = rule.load(rule.save(state));
    expect(rule.partialCount(restored)).toBe(1);
    expect(rule.deadlineMs(restored)).toBe(rule.deadlineMs(state));
    const { found } = rule.take(restored, event(2, { amount: 60 }));
    expect(found.map(({ kind, ts }) => [kind, ts])).toEqual([["match", 2]]);
    expect(() => machine(SILENCE).load(rule.save(state))).toThrow(/another pattern/);
  });

  it("finds at its very time what a long leap of time completes", () => {
    const rule = machine(SILENCE);
    const state = rule.begin();
    for (const ts of [1_000, 3_000]) rule.take(state, event(ts, {}, "LOGIN"));
    const { found, isChanged } = rule.advance(state, 999_999);
    expect(found.map(({ ts }) => ts)).toEqual([61_000, 63_000]);
    expect(isChanged).toBe(true);
    expect(rule.advance(state, 9_999_999).isChanged).toBe(false);
  });

  it("says what a limit dropped, and what changed nothing", () => {
    const rule = machine(SILENCE);
    const state = rule.begin();
    const dropped = [1, 2, 3, 4, 5].map((ts) => rule.take(state, event(ts, {}, "LOGIN")));
    const drop = { reason: "partials_max", count: 1 };
    expect(dropped.map(({ drops }) => drops)).toEqual([
      [],
      [],
      [],
      [{ ...drop, fromMs: 1, toMs: 1, atMs: 4 }],
      [{ ...drop, fromMs: 2, toMs: 2, atMs: 5 }],
    ]);
    expect(rule.partialCount(state)).toBe(3);
    expect(rule.take(state, event(6, {}, "OTHER")).isChanged).toBe(false);
  });

  it("says when age ended what has no time limit of its own, however far time leaps", () => {
    const rule = machine(FRAUD.replace("within: 5m\n", ""));
    const state = rule.begin();
    rule.take(state, event(7, { amount: 200 }));
    const drop = { reason: "age_max", count: 1, fromMs: 7, toMs: 7, atMs: 1_000_007 };
    expect(rule.advance(state, 99_000_000).drops).toEqual([drop]);
  });

  it("fails alone, as its author asked for", () => {
    const rule = machine(
      FRAUD.replace(
        "within: 5m",
        "within: 5m\nskip: skipToFirst\nskipStage: first\nskipThrowOnMiss: true",
      ),
    );
    const state = rule.begin();
    rule.take(state, event(1, { amount: 200 }));
    expect(rule.take(state, event(2, { amount: 60 })).hasFailed).toBe(true);
  });
});
