import { describe, expect, it } from "vitest";
import { MemoryStore } from "../../../../aggregator/state/memory-store.ts";
import {
  decodeRuleDropRow,
  encodeRuleDropRow,
  type RuleDropRow,
  readRuleDrops,
  ruleDropKey,
} from "../../../../aggregator/state/rule-drop-row.ts";

const row: RuleDropRow = {
  ...{ tenant: "acme", rule: "fraud", reason: "age_max", count: 2 ** 40, alertedCount: 3 },
  ...{ fromMs: -5, toMs: 7, lastMs: 1_790_000_000_000, lastKey: "ann", quietUntilMs: 9 },
};

describe("the row of what a bound made a rule drop", () => {
  it("gives back what was written", () => {
    for (const one of [row, { ...row, tenant: "", lastKey: null, quietUntilMs: undefined }]) {
      expect(decodeRuleDropRow(encodeRuleDropRow(one))).toEqual(one);
    }
    expect(() => decodeRuleDropRow(Buffer.of(9))).toThrow(/format|version/i);
    expect(() => decodeRuleDropRow(encodeRuleDropRow(row).subarray(0, 20))).toThrow(/ends/);
  });

  it("is found whatever its names are", async () => {
    const store = new MemoryStore();
    const rows = [row, { ...row, tenant: "", rule: "a/b" }, { ...row, reason: "keys_max" }];
    await store.commit(
      rows.map((one) => ({ key: ruleDropKey(one), value: encodeRuleDropRow(one) })),
    );
    expect([...readRuleDrops(store)]).toEqual(expect.arrayContaining(rows));
  });
});
