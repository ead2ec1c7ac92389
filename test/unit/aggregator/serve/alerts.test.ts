import { describe, expect, it } from "vitest";
import { AlertRows } from "../../../../aggregator/process/alert-rows.ts";
import { answerAlerts } from "../../../../aggregator/serve/alerts.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import { Overlay } from "../../../../aggregator/state/overlay.ts";
import { decodePatternsRow } from "../../../../aggregator/state/rule-rows.ts";
import { TEN_MS } from "../collect/sample-agent.ts";

interface Sample {
  readonly id: string;
  readonly seconds: number;
  readonly rule?: string;
  readonly tenant?: string;
}

/** A store with these alerts. */
async function storeOf(samples: readonly Sample[]): Promise<MemoryStore> {
  const store = new MemoryStore();
  const overlay = new Overlay(store);
  const rows = new AlertRows(overlay, decodePatternsRow(undefined));
  for (const { id, seconds, rule = "fraud", tenant = "" } of samples) {
    const alertType = rule.toUpperCase();
    const timestampMs = TEN_MS + seconds * 1_000;
    const json = JSON.stringify({ id });
    rows.append(tenant, { id, rule, alertType, severity: "info", timestampMs, json });
  }
  await store.commit(overlay.take());
  return store;
}

function ask(stores: readonly MemoryStore[], query: string) {
  const { status, body } = answerAlerts(stores, "", query);
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
  it("answers the alerts of all partitions by time, then id, those of other tenants left out", () => {
    expect(ask([first, second], "")).toMatchObject({ status: 200, ids: "b a c d e f" });
    expect(ask([], "")).toMatchObject({ status: 200, ids: "" });
  });

  it("answers from <= time < to, of one rule, of one type", () => {
    const ids = (query: string) => ask([first, second], query).ids;
    expect(ids("from=2026-11-20T10:00:10Z&to=2026-11-20T10:00:30Z")).toBe("a c d e");
    expect(ids("to=2026-11-20T10:00:10Z")).toBe("b");
    expect(ids("rule=slow")).toBe("f");
    expect(ids("type=FRAUD&from=2026-11-20T10:00:20Z")).toBe("c d e");
    expect(ids("from=2027-01-01")).toBe("");
  });

  it("goes on where the page before ended, also between alerts of one time", () => {
    const pages: (string | undefined)[] = [];
    let cursor = "";
    for (let page = 0; page < 9; page++) {
      const { ids, next } = ask([first, second], `limit=2${cursor}`);
      pages.push(ids);
      if (next === undefined) break;
      cursor = `&cursor=${next}`;
    }
    expect(pages).toEqual(["b a", "c d", "e f"]);
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
  ])("refuses %s", (query, parameter) => {
    const { status, faults } = ask([first], query);
    expect(status).toBe(400);
    expect(faults?.map((fault) => fault.parameter)).toEqual([parameter]);
  });
});
