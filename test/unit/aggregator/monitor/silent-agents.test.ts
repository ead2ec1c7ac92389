import { describe, expect, it } from "vitest";
import { SilentAgents } from "../../../../aggregator/monitor/silent-agents.ts";

const agent = (name: string, seenSecond: number, tenant = "") => ({
  ...{ tenant, agent: name, seenMs: seenSecond * 1_000 },
});

describe("a look at agents", () => {
  it("names those of which nothing came for half a minute, and no others", () => {
    const agents = [agent("a", 100), agent("b", 71), agent("c", 70), agent("d", 40, "t")];
    expect(new SilentAgents().look(agents, 100_000, [])).toEqual([
      { tenant: "", silent: { c: 30 } },
      { tenant: "t", silent: { d: 60 } },
    ]);
  });

  it("names one that is back once, also when only what fires knows that it was gone", () => {
    const looks = new SilentAgents();
    looks.look([agent("a", 10)], 100_000, []);
    expect(looks.look([agent("a", 129)], 130_000, [])).toEqual([{ tenant: "", silent: { a: 1 } }]);
    expect(looks.look([agent("a", 159)], 160_000, [])).toEqual([]);
    const firing = [{ tenant: "", agent: "a" }];
    expect(new SilentAgents().look([agent("a", 159)], 160_000, firing)).toHaveLength(1);
  });

  it("names a whole fleet in pieces that fit into a commit", () => {
    const fleet = Array.from({ length: 450 }, (_, index) => agent(`a${index}`, 0));
    const looks = new SilentAgents().look(fleet, 100_000, []);
    expect(looks.map(({ silent }) => Object.keys(silent).length)).toEqual([200, 200, 50]);
  });
});
