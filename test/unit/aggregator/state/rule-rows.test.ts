import { describe, expect, it } from "vitest";
import { decodeAlertRow, encodeAlertRow } from "../../../../aggregator/state/alert-row.ts";
import {
  decodeHoleRow,
  decodePatternsRow,
  decodeRuleKeyRow,
  decodeRuleRow,
  decodeWaitingRow,
  encodeHoleRow,
  encodePatternsRow,
  encodeRuleKeyRow,
  encodeRuleRow,
  encodeWaitingRow,
  noCounters,
  type RuleKeyRow,
  type RuleRow,
  type WaitingRow,
} from "../../../../aggregator/state/rule-rows.ts";

const waiting: WaitingRow = {
  tenant: "acme",
  stream: "business-events",
  keyField: "userId",
  key: "ann",
  timeMs: -8.6e15 / 4,
  type: "PAID",
  fields: { amount: 0.1, nested: { list: [1, null, "ü"] }, __proto_: true },
};
const rule: RuleRow = {
  name: "fraud",
  stream: "business-events",
  isRunning: true,
  startMs: -5,
  counters: { ...noCounters(), alerts: 1, late: 2 ** 40, partials: 7 },
};
const ruleKey: RuleKeyRow = {
  tenant: "",
  key: 5,
  timerMs: 1_790_000_000_000,
  cooldownUntilMs: undefined,
  partialCount: 3,
  state: Buffer.from([0, 255, 1]),
};

describe("rows of rules", () => {
  it("give back what was written", () => {
    for (const row of [
      waiting,
      { ...waiting, keyField: undefined, key: null, type: null, fields: {} },
      { ...waiting, key: false },
    ]) {
      expect(decodeWaitingRow(encodeWaitingRow(row))).toEqual(row);
    }
    for (const row of [rule, { ...rule, isRunning: false, startMs: undefined }]) {
      expect(decodeRuleRow(encodeRuleRow(row))).toEqual(row);
    }
    for (const row of [
      ruleKey,
      { ...ruleKey, key: null, timerMs: undefined, cooldownUntilMs: 9, state: Buffer.alloc(0) },
    ]) {
      expect(decodeRuleKeyRow(encodeRuleKeyRow(row))).toEqual(row);
    }
    const hole = { tenant: "t", hole: { stream: "s", fromMs: -1, toMs: 2, count: 3 } };
    expect(decodeHoleRow(encodeHoleRow(hole))).toEqual(hole);
    const patterns = { alertNumber: 1, holeNumber: 2, lateNumber: 3, metricsMs: -59_999 };
    expect(decodePatternsRow(encodePatternsRow(patterns))).toEqual(patterns);
    const alert = { tenant: "", id: "ab", rule: "fraud", alertType: "FRAUD", severity: "info" };
    const standing = { state: "resolved", revision: 3, isSuppressed: true } as const;
    const whole = { ...alert, timestampMs: -7, json: '{"id":"ü"}', ...standing };
    expect(decodeAlertRow(encodeAlertRow(whole))).toEqual(whole);
  });

  it("begin with nothing before the first commit", () => {
    const nothing = { alertNumber: 0, holeNumber: 0, lateNumber: 0, metricsMs: undefined };
    expect(decodePatternsRow(undefined)).toEqual(nothing);
  });

  it("of another format, cut off or with other contents are refused", () => {
    const bytes = encodeWaitingRow(waiting);
    const other = Buffer.from(bytes);
    other[0] = 9;
    expect(() => decodeWaitingRow(other)).toThrow(/format version 9/);
    expect(() => decodeWaitingRow(bytes.subarray(0, -1))).toThrow(/ends too early/);
    const text = bytes.toString("latin1").replace('"ann"', "{ann}");
    expect(() => decodeWaitingRow(Buffer.from(text, "latin1"))).toThrow(/no JSON/);
    const list = bytes.toString("latin1").replace('"ann"', '["a"]');
    expect(() => decodeWaitingRow(Buffer.from(list, "latin1"))).toThrow(/another form/);
  });
});
