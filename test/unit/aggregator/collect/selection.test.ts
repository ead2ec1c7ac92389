import { describe, expect, it } from "vitest";
import { noteRevision, selectionOf } from "../../../../aggregator/collect/selection.ts";
import type { AgentRow } from "../../../../aggregator/state/agent-row.ts";

const NOW_MS = 1_000_000;
const now = { clockMs: NOW_MS, liveMs: 30_000, watermarkMs: 7_000 };

function agent(changes: Partial<AgentRow> = {}): AgentRow {
  return {
    tenant: "",
    agent: "web-1",
    fenceNumber: 1,
    epoch: "ab".repeat(16),
    machine: "m",
    known: false,
    markBefore: undefined,
    sequence: 1,
    digest: "cd".repeat(16),
    diverged: false,
    seenMs: NOW_MS,
    sealedAtMs: undefined,
    counters: { applied: 1, duplicate: 0, diverged: 0, fenced: 0, lines: 0, clockAhead: 0 },
    retiredEpochs: [],
    removedFiles: [],
    sources: [],
    selectorRevision: "b",
    selectedSinceMs: undefined,
    ...changes,
  };
}

const source = (eventTimeMaxMs: number | undefined) => ({
  ...{ source: "app", state: "live" as const, eventTimeMaxMs },
  ...{ eventSeenMs: NOW_MS, seenMs: NOW_MS },
});

describe("the selectors of a partition's agents", () => {
  it("are not one while a live agent has others", () => {
    expect(selectionOf([agent(), agent({ selectorRevision: "a" })], "b", now)).toBeUndefined();
    expect(selectionOf([], "b", now)).toBeUndefined();
  });

  it("hold since the last live agent switched; others are not waited for", () => {
    const gone = agent({ selectorRevision: "a", seenMs: NOW_MS - 30_000 });
    const lost = agent({ selectorRevision: "a", diverged: true });
    const switched = [3_000, 5_000, undefined].map((selectedSinceMs) => agent({ selectedSinceMs }));
    const expected = { revision: "b", sinceMs: 5_000 };
    expect(selectionOf([gone, lost, ...switched], "b", now)).toEqual(expected);
    expect(selectionOf([agent()], "b", now)).toEqual({ revision: "b", sinceMs: undefined });
  });

  it("hold from the watermark on when no agent is live", () => {
    const gone = agent({ selectorRevision: "a", seenMs: 0 });
    expect(selectionOf([gone], "b", now)).toEqual({ revision: "b", sinceMs: 7_000 });
  });
});

describe("an agent that switches", () => {
  it("did so at the latest event that it had sent before", () => {
    const row = agent({ sources: [source(2_000), source(4_000), source(undefined)] });
    noteRevision(row, "b");
    expect(row.selectedSinceMs).toBeUndefined();
    noteRevision(row, "c");
    expect(row).toMatchObject({ selectorRevision: "c", selectedSinceMs: 4_000 });
  });

  it("has always selected so when it had sent no event", () => {
    const row = agent({ selectorRevision: "", sources: [source(undefined)] });
    noteRevision(row, "b");
    expect(row).toMatchObject({ selectorRevision: "b", selectedSinceMs: undefined });
  });
});
