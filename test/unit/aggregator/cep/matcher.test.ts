import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import { Matcher } from "../../../../aggregator/cep/matcher.ts";
import { KEY_LIMITS_DEFAULT } from "../../../../aggregator/cep/operator.ts";
import type { Pattern } from "../../../../aggregator/cep/pattern.ts";
import { present } from "../../../../shared/assert.ts";
import { eventsOf } from "./sample-patterns.ts";

const pattern: Pattern = {
  within: 100,
  stages: [
    { name: "a", where: "type == 'A'", times: { min: 1, max: null }, allowCombinations: true },
    { name: "n", contiguity: "notFollowedBy", where: "type == 'N'" },
    { name: "b", contiguity: "followedByAny", where: "type == 'B'", times: { min: 1, max: 2 } },
  ],
};

describe("a matcher", () => {
  it("holds an event only while a partial match does", () => {
    const automaton = present(compilePattern(pattern).automaton, "automaton");
    const matcher = new Matcher(automaton, KEY_LIMITS_DEFAULT);
    const state = matcher.newState();
    let matchCount = 0;
    for (const event of eventsOf("A@0 A@1 B@2 X@3 A@4 B@5 N@6 A@7 B@8")) {
      matcher.advance(state, event.ts, () => expect.unreachable());
      matcher.process(state, event, () => matchCount++);
    }
    expect(matchCount).toBeGreaterThan(10);
    expect(state.buffer.eventCount).toBeGreaterThan(0);
    expect(matcher.deadlineMs(state)).toBeLessThanOrEqual(107);
    matcher.advance(state, 200, ({ kind }) => expect(kind).toBe("timeout"));
    expect(state.isIdle).toBe(true);
    expect(state.buffer.eventCount).toBe(0);
    expect(state.buffer.linkCount).toBe(0);
    expect(matcher.deadlineMs(state)).toBe(Number.POSITIVE_INFINITY);
  });

  it("shows every match that a waiting skip strategy holds back, once the older partial match ends", () => {
    const { automaton } = compilePattern({
      within: 10,
      skip: "skipToNext",
      stages: [
        { name: "a", where: "type == 'A'" },
        { name: "b", contiguity: "followedBy", where: "type in ['B', 'C']" },
        { name: "c", contiguity: "followedBy", where: "type == 'C'" },
      ],
    });
    const matcher = new Matcher(present(automaton, "automaton"), KEY_LIMITS_DEFAULT);
    const state = matcher.newState();
    const found: string[] = [];
    for (const event of eventsOf("A@0 B@1 A@2 C@3")) {
      matcher.process(state, event, ({ ts }) => found.push(`match @${ts}`));
    }
    expect(found).toEqual(["match @3"]);
  });
});
