import { describe, expect, it } from "vitest";
import { runCase } from "../../../../aggregator/rules/run-case.ts";

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

  it("is refused as a whole when it is none", () => {
    expect(() => runCase({ id: 1, events: 5 })).toThrow(/events/);
  });
});
