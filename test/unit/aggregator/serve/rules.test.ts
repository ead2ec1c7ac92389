import { describe, expect, it } from "vitest";
import { answerRules } from "../../../../aggregator/serve/rules.ts";
import { ruleKey } from "../../../../aggregator/state/keys.ts";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import {
  encodeRuleDropRow,
  type RuleDropRow,
  ruleDropKey,
} from "../../../../aggregator/state/rule-drop-row.ts";
import { encodeRuleRow, noCounters, type RuleRow } from "../../../../aggregator/state/rule-rows.ts";
import { TEN_MS } from "../collect/sample-agent.ts";
import { THRESHOLD_RULE, Thresholds } from "../process/sample-thresholds.ts";

const fraud: RuleRow = {
  ...{ name: "fraud", stream: "shop", isRunning: true, startMs: undefined },
  counters: { ...noCounters(), alerts: 2, late: 1, dropped: 9 },
};
const drop: RuleDropRow = {
  ...{
    tenant: "",
    rule: "fraud",
    kind: "pattern",
    reason: "partials_max",
    count: 5,
    alertedCount: 1,
  },
  ...{ fromMs: TEN_MS, toMs: TEN_MS + 1, lastMs: TEN_MS + 2, lastKey: "ann" },
  quietUntilMs: undefined,
};

async function storeOf(rows: readonly RuleRow[], drops: readonly RuleDropRow[]) {
  const store = new MemoryStore();
  await store.commit([
    ...rows.map((row) => ({ key: ruleKey(`${row.name}@1`), value: encodeRuleRow(row) })),
    ...drops.map((row) => ({ key: ruleDropKey(row), value: encodeRuleDropRow(row) })),
  ]);
  return store;
}

describe("GET /v1/rules", () => {
  it("sums up what partitions say of a rule, with the ledger of what bounds dropped", async () => {
    const later = { ...drop, count: 2, fromMs: TEN_MS - 1, lastMs: TEN_MS + 3, lastKey: "bob" };
    const stores = [
      await storeOf([fraud], [drop, { ...drop, tenant: "acme" }]),
      await storeOf([{ ...fraud, isRunning: false }], [later, { ...drop, rule: "old" }]),
    ];
    const { status, body } = answerRules(stores, "", "");
    expect(status).toBe(200);
    const counters = { cooledDown: 0, suppressed: 0, failed: 0, keys: 0, partials: 0 };
    const entry = {
      ...{ reason: "partials_max", lastFirstEvent: "2026-11-20T10:00:00.001Z" },
    };
    expect(JSON.parse(body.toString("utf8"))).toEqual({
      rules: [
        {
          ...{ rule: "fraud", kind: "pattern", stream: "shop", state: "waiting" },
          counters: { ...counters, alerts: 4, late: 2 },
          dropped: [
            {
              ...{ ...entry, count: 7, firstEvent: "2026-11-20T09:59:59.999Z" },
              ...{ lastDrop: "2026-11-20T10:00:00.003Z", lastKey: "bob" },
            },
          ],
        },
        {
          ...{ rule: "old", kind: "pattern", stream: null, state: "gone" },
          counters: { ...counters, alerts: 0, late: 0 },
          dropped: [
            {
              ...{ ...entry, count: 5, firstEvent: "2026-11-20T10:00:00.000Z" },
              ...{ lastDrop: "2026-11-20T10:00:00.002Z", lastKey: "ann" },
            },
          ],
        },
      ],
    });
  });

  it("tell what threshold rules did, and of how many services they know something", async () => {
    const rules = new Thresholds([
      THRESHOLD_RULE.replace("labels:", "for: 2m\nlabels:").replace(
        "alert: {",
        "alert: { cooldown: 9m,",
      ),
    ]);
    await rules.take([rules.window(0, 20, 5), rules.window(1, 20, 5)], 2);
    await rules.take([rules.window(2, 20, 0), rules.window(3, 20, 5, "other")], 4);
    await rules.take([rules.window(4, 20, 5)], 5);
    rules.restart();
    const shown = rules.shown.map(({ id, config }) => ({ id, ...config }));
    const answer = answerRules([rules.store], "", "", shown);
    expect(JSON.parse(answer.body.toString("utf8")).rules).toMatchObject([
      {
        ...{ rule: "errors", kind: "threshold", state: "running", openAlerts: 0 },
        counters: { alerts: 1, cooledDown: 1, keys: 2, partials: 1 },
      },
    ]);
  });

  it("takes no parameters", () => {
    expect(answerRules([], "", "rule=x").status).toBe(400);
  });
});
