import { describe, expect, it } from "vitest";
import { runCase, runCaseText, tooLongCase } from "../../../../aggregator/rules/run-case.ts";

const stages = [{ name: "a", where: "type == 'A'" }];
const event = { id: 0, ts: 5, key: "k", type: "A" };

describe("a case", () => {
  it("yields matches with their time and moment", () => {
    expect(
      runCase({ id: "x", pattern: { name: "p", key: "key", stages }, events: [event] }),
    ).toEqual({
      id: "x",
      matches: [{ key: "k", ts: 5, at: 1, m: { a: [0] } }],
      timeouts: [],
      late: [],
    });
  });

  it("yields the error of a pattern that is refused", () => {
    const pattern = { name: "p", stages: [...stages, ...stages] };
    const { error } = runCase({ id: 1, pattern, events: [] });
    expect(error?.phase).toBe("compile");
    expect(error?.message).toMatch(/stages\.1\.name: another stage/);
    const unknown = runCase({ id: 1, pattern: { name: "p", stages, nonsense: 1 }, events: [] });
    expect(unknown.error?.message).toMatch(/nonsense/);
  });

  it("may say null for what is absent, and need not name its pattern", () => {
    const stage = { name: "a", where: "type == 'A'", or: null, until: null, contiguity: null };
    const pattern = { within: null, skip: null, key: "key", stages: [stage] };
    const looping = { ...pattern, stages: [{ ...stage, times: { min: 1, max: null } }] };
    for (const one of [pattern, looping]) {
      expect(runCase({ id: 1, pattern: one, events: [event] })).toMatchObject({
        matches: [{ key: "k", m: { a: [0] } }],
      });
    }
    expect(tooLongCase(7).error).toEqual({
      phase: "input",
      message: "a line of 7 bytes is too long",
    });
  });

  it("is refused as a whole when it is none", () => {
    const { error, ...rest } = runCase({ id: 1, events: 5 });
    expect(rest).toEqual({ id: 1, matches: [], timeouts: [], late: [] });
    expect(error?.phase).toBe("input");
    expect(error?.message).toMatch(/events/);
    expect(runCaseText("null").id).toBeNull();
    expect(runCaseText("[").error).toMatchObject({ phase: "input", message: /^not JSON/ });
  });

  it("may use names that mean something to JavaScript", () => {
    const text = `{"id":1,"pattern":{"name":"p","key":"constructor","stages":[{"name":"__proto__","where":"toString == 1"}]},
      "events":[{"id":0,"ts":5,"fields":{"constructor":"a","toString":1}},{"id":1,"ts":6,"fields":{"constructor":"b"}},{"id":2,"ts":6}]}`;
    expect(JSON.stringify(runCaseText(text))).toBe(
      '{"id":1,"matches":[{"key":"a","ts":5,"at":1,"m":{"__proto__":[0]}}],"timeouts":[],"late":[]}',
    );
  });

  it("that needs more memory than there is fails instead of losing matches", () => {
    const many = Array.from({ length: 25 }, (_, id) => ({ ...event, id, ts: id }));
    const all = { name: "a", times: { min: 1, max: null }, allowCombinations: true };
    const pattern = { name: "p", stages: [all, { ...stages[0], name: "b", contiguity: "next" }] };
    const { error, matches } = runCase({
      id: 1,
      pattern: { ...pattern },
      events: many.slice(0, 14),
    });
    expect({ error, count: matches.length }).toEqual({ error: undefined, count: 8191 });
    expect(
      runCase({ id: 1, pattern: { name: "p", stages: [all, never] }, events: many }).error,
    ).toEqual({
      phase: "runtime",
      at: 21,
      message: expect.stringContaining("more than 1048576 partial matches"),
    });
  });
});

const never = { name: "b", contiguity: "next", where: "false" };
