import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../../../aggregator/collect/stage-one.ts";
import { SilentAgents } from "../../../../aggregator/monitor/silent-agents.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { seenAgents } from "../../../../aggregator/state/read-agents.ts";
import { logRecord, SampleAgent } from "../collect/sample-agent.ts";

const agent = (name: string, silentSeconds: number, tenant = "") => ({
  ...{ tenant, agent: name, silentMs: silentSeconds * 1_000 },
});

it("how long an agent is silent is told by the clock of its own partition", async () => {
  const behind = await partitionOf("web-1", 95_000, 100_000);
  const ahead = await partitionOf("web-2", 395_000, 400_000);
  expect([behind, ahead, new MemoryStore()].flatMap(seenAgents)).toEqual([
    { tenant: "", agent: "web-1", silentMs: 5_000 },
    { tenant: "", agent: "web-2", silentMs: 5_000 },
  ]);
});

/** State of a partition that has read its log up to `clockMs`, and heard of one agent. */
async function partitionOf(name: string, seenMs: number, clockMs: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  const stage = new StageOne(store, 1, WATERMARK_DEFAULTS);
  stage.apply(logRecord(0, seenMs, new SampleAgent(name).fence(1)));
  stage.apply(logRecord(1, clockMs, { kind: "tick", nowMs: clockMs }));
  const { early, last } = stage.flush();
  await store.commit([...early, ...last]);
  return store;
}

describe("a look at agents", () => {
  it("names those of which nothing came for half a minute, and no others", () => {
    const agents = [agent("a", 0), agent("b", 29), agent("c", 30), agent("d", 60, "t")];
    expect(new SilentAgents().look(agents, [])).toEqual([
      { tenant: "", silent: { c: 30 } },
      { tenant: "t", silent: { d: 60 } },
    ]);
  });

  it("names one that is back once, also when only what fires knows that it was gone", () => {
    const looks = new SilentAgents();
    looks.look([agent("a", 90)], []);
    expect(looks.look([agent("a", 1)], [])).toEqual([{ tenant: "", silent: { a: 1 } }]);
    expect(looks.look([agent("a", 1)], [])).toEqual([]);
    const firing = [{ tenant: "", agent: "a" }];
    expect(new SilentAgents().look([agent("a", 1)], firing)).toHaveLength(1);
  });

  it("names a whole fleet in pieces that fit into a commit", () => {
    const fleet = Array.from({ length: 450 }, (_, index) => agent(`a${index}`, 100));
    const looks = new SilentAgents().look(fleet, []);
    expect(looks.map(({ silent }) => Object.keys(silent).length)).toEqual([200, 200, 50]);
  });
});
