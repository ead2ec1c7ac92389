import { describe, expect, it } from "vitest";
import { WATERMARK_DEFAULTS } from "../../../../aggregator/collect/source-watermark.ts";
import { StageOne } from "../../../../aggregator/collect/stage-one.ts";
import type { InletEntry } from "../../../../aggregator/log/inlet-entry.ts";
import { answerSources } from "../../../../aggregator/serve/sources.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { logRecord, TEN_MS } from "../collect/sample-agent.ts";
import { INLET, rangeEntry, recordAt, requestEntry } from "../collect/sample-records.ts";

async function storeOf(entries: readonly InletEntry[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const stage = new StageOne(store, 1, WATERMARK_DEFAULTS);
  for (const [index, entry] of entries.entries()) stage.apply(logRecord(index, TEN_MS, entry));
  const { early, last } = stage.flush();
  await store.commit([...early, ...last]);
  return store;
}

const running = [
  {
    ...{ name: "bus", failure: undefined },
    inlets: [{ place: "orders/0", behindCount: 4, failure: "stuck" }],
  },
  { name: "down", failure: "no broker", inlets: [] },
];

async function answer(query: string) {
  const store = await storeOf([
    requestEntry("k", "0f".repeat(16), [recordAt(TEN_MS)]),
    rangeEntry(0, [recordAt(TEN_MS)], { ...INLET, place: "orders/1" }),
    rangeEntry(7, [recordAt(TEN_MS), "no"]),
  ]);
  const { status, body } = answerSources([store], running, "", query);
  return { status, body: JSON.parse(body.toString("utf8")) };
}

describe("GET /v1/sources", () => {
  it("shows every inlet in order, with what its reader says, and sources that cannot be read", async () => {
    const { status, body } = await answer("");
    expect(status).toBe(200);
    expect(body).toMatchObject({
      sources: [
        {
          ...{ source: "bus", place: "orders/0", position: 9, behind: 4, failure: "stuck" },
          ...{ eventTimeMax: "2026-11-20T10:00:00.000Z", recordCount: 1 },
          letters: { total: 1, kept: 1, newest: [] },
        },
        { source: "bus", place: "orders/1", behind: null, failure: null },
        { source: "http", place: "", position: 1, behind: null },
      ],
      configured: [
        { source: "bus", failure: null },
        { source: "down", failure: "no broker" },
      ],
    });
  });

  it("shows one source, and the newest of its letters, when asked for them", async () => {
    const { body } = await answer("source=bus&letters=1");
    expect(body.sources).toHaveLength(2);
    expect(body.sources[0].letters.newest).toMatchObject([
      { position: 8, reason: "not_json", text: "no", cut: false },
    ]);
  });

  it("refuses what it does not understand", async () => {
    for (const query of ["letters=0", "letters=101", "source=", "letter=1"]) {
      expect((await answer(query)).status, query).toBe(400);
    }
  });
});
