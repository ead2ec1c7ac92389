import { describe, expect, it } from "vitest";
import { AlertRows } from "../../../../aggregator/process/alert-rows.ts";
import { answerAlerts } from "../../../../aggregator/serve/alerts.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";
import { decodePatternsRow } from "../../../../aggregator/state/rule-rows.ts";
import type { Timers } from "../../../../shared/platform/timers.ts";
import { TEN_MS } from "../collect/sample-agent.ts";

interface Sample {
  readonly id: string;
  readonly seconds: number;
  readonly rule?: string;
  readonly tenant?: string;
  readonly text?: string;
}

/** A store with these alerts. */
async function storeOf(samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const overlay = new Overlay(store);
  const rows = new AlertRows(overlay, decodePatternsRow(undefined));
  for (const { id, seconds, rule = "fraud", tenant = "", text } of samples) {
    const alertType = rule.toUpperCase();
    const timestampMs = TEN_MS + seconds * 1_000;
    const json = JSON.stringify({ id, text });
    const standing = { state: "firing", revision: 1, isSuppressed: false } as const;
    rows.append(tenant, { id, rule, alertType, severity: "info", timestampMs, json }, standing);
  }
  await store.commit(overlay.take());
  return store;
}

const timers: Timers = { sleep: () => Promise.resolve() };

async function ask(stores: readonly MemoryStore[], query: string) {
  const { status, body } = await answerAlerts({ views: () => stores, timers }, "", query);
  const answer: { alerts?: { id: string }[]; next?: string; faults?: { parameter: string }[] } =
    JSON.parse(body.toString());
  const { next, faults } = answer;
  return { status, ids: answer.alerts?.map(({ id }) => id).join(" "), next, faults };
}

const first = await storeOf([
  { id: "d", seconds: 20 },
  { id: "a", seconds: 10 },
  { id: "x", seconds: 15, tenant: "other" },
  { id: "f", seconds: 30, rule: "slow" },
]);
const second = await storeOf([
  { id: "c", seconds: 20 },
  { id: "e", seconds: 20 },
  { id: "b", seconds: -10_000 },
]);

describe("GET /v1/alerts", () => {
  it("answers the alerts of all partitions by time, then id, those of other tenants left out", async () => {
    expect(await ask([first, second], "")).toMatchObject({ status: 200, ids: "b a c d e f" });
    expect(await ask([], "")).toMatchObject({ status: 200, ids: "" });
  });

  it("answers from <= time < to, of one rule, of one type", async () => {
    const ids = async (query: string) => (await ask([first, second], query)).ids;
    expect(await ids("from=2026-11-20T10:00:10Z&to=2026-11-20T10:00:30Z")).toBe("a c d e");
    expect(await ids("to=2026-11-20T10:00:10Z")).toBe("b");
    expect(await ids("rule=slow")).toBe("f");
    expect(await ids("type=FRAUD&from=2026-11-20T10:00:20Z")).toBe("c d e");
    expect(await ids("from=2027-01-01")).toBe("");
  });

  it("goes on where the page before ended, also between alerts of one time", async () => {
    const pages: (string | undefined)[] = [];
    let cursor = "";
    for (let page = 0; page < 9; page++) {
      const { ids, next } = await ask([first, second], `limit=2${cursor}`);
      pages.push(ids);
      if (next === undefined) break;
      cursor = `&cursor=${next}`;
    }
    expect(pages).toEqual(["b a", "c d", "e f"]);
  });

  it("finds the few of one rule among many, and ends before it gets too long", async () => {
    const many = Array.from({ length: 5_000 }, (_, index) => {
      const isRare = index % 1_900 === 7;
      return {
        id: String(index).padStart(4, "0"),
        seconds: index,
        rule: isRare ? "rare" : "fraud",
      };
    });
    const store = await storeOf(many);
    expect(await ask([store], "rule=rare")).toMatchObject({
      ids: "0007 1907 3807",
      next: undefined,
    });
    const long = await storeOf(
      many.slice(0, 300).map((sample) => ({ ...sample, text: "x".repeat(60_000) })),
    );
    const { ids, next } = await ask([long], "");
    expect(ids?.split(" ")).toHaveLength(140);
    expect((await ask([long], `cursor=${next}&limit=1`)).ids).toBe("0140");
  });

  it.each([
    ["from=yesterday", "from"],
    ["from=2026-11-21&to=2026-11-20", "from"],
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["cursor=x", "cursor"],
    ["rule=", "rule"],
    ["severity=info", "severity"],
    ["rule=a&rule=b", "rule"],
  ])("refuses %s", async (query, parameter) => {
    const { status, faults } = await ask([first], query);
    expect(status).toBe(400);
    expect(faults?.map((fault) => fault.parameter)).toEqual([parameter]);
  });
});
