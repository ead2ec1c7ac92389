import { describe, expect, it } from "vitest";
import { answerLateEvents } from "../../../../aggregator/serve/late-events.ts";
import { lateKey, PATTERNS_KEY } from "../../../../aggregator/state/keys.ts";
import { encodeLateRow } from "../../../../aggregator/state/late-row.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { encodePatternsRow } from "../../../../aggregator/state/rule-rows.ts";
import { TEN_MS } from "../collect/sample-agent.ts";

async function storeOf(users: readonly string[], tenant = ""): Promise<MemoryStore> {
  const store = new MemoryStore();
  const numbers = { alertNumber: 0, holeNumber: 0, lateNumber: users.length };
  await store.commit([
    { key: PATTERNS_KEY, value: encodePatternsRow({ ...numbers, metricsMs: undefined }) },
    ...users.map((user, slot) => ({
      key: lateKey(slot),
      value: encodeLateRow({
        ...{ tenant, stream: slot % 2 === 0 ? "shop" : "logins", keyField: "userId", key: user },
        ...{ timeMs: TEN_MS, type: "PAID", fields: { userId: user }, place: `place ${slot}` },
        ...{ watermarkMs: TEN_MS + 2_500, rules: slot === 0 ? ["fraud", "other"] : ["other"] },
      }),
    })),
  ]);
  return store;
}

function ask(stores: readonly MemoryStore[], query: string) {
  const { status, body } = answerLateEvents(stores, "", query);
  return { status, body: JSON.parse(body.toString("utf8")) };
}

describe("GET /v1/late-events", () => {
  it("shows events, newest first, with how late they were and which rules missed them", async () => {
    const { body } = ask([await storeOf(["ann"])], "");
    expect(body).toEqual({
      lateEvents: [
        {
          ...{ id: "place 0", ts: TEN_MS, timestamp: "2026-11-20T10:00:00.000Z", stream: "shop" },
          ...{ type: "PAID", fields: { userId: "ann" }, keyField: "userId", keyValue: "ann" },
          ...{ watermark: "2026-11-20T10:00:02.500Z", lateMs: 2_500, rules: ["fraud", "other"] },
        },
      ],
    });
  });

  it("asks for a rule or a stream, and goes on page by page over all partitions", async () => {
    const stores = [await storeOf(["a", "b", "c"]), await storeOf([]), await storeOf(["d"])];
    const keys = (query: string) => {
      const found: string[] = [];
      for (let next: string | undefined = ""; next !== undefined; ) {
        const { body } = ask(stores, next === "" ? query : `${query}&next=${next}`);
        found.push(...body.lateEvents.map((one: { keyValue: string }) => one.keyValue));
        next = body.next;
      }
      return found.join("");
    };
    expect(keys("limit=1")).toBe("cbad");
    expect(keys("limit=2")).toBe("cbad");
    expect(keys("rule=fraud")).toBe("ad");
    expect(keys("stream=logins")).toBe("b");
  });

  it("shows nobody the events of another tenant, and says what it cannot understand", async () => {
    expect(ask([await storeOf(["ann"], "acme")], "").body).toEqual({ lateEvents: [] });
    const { status, body } = ask([], "limit=0&colour=red");
    expect(status).toBe(400);
    expect(body.detail).toMatch(/colour|no such parameter/);
  });
});
