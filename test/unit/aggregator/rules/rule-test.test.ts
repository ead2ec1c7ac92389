import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { ruleTestSchema, runRuleTest } from "../../../../aggregator/rules/rule-test.ts";
import { present } from "../../../../shared/assert.ts";

const RULE = `name: sample
summary: A sample.
stream: events
key: k
within: 1m
stages:
  - { name: a, where: "type == 'A'" }
  - { name: b, contiguity: followedBy, where: "type == 'B'" }
alert: { type: SAMPLE, severity: info, message: "{{key}} had {{v}}", details: { v: v } }
`;
const loaded = loadRules([{ file: "r.yaml", text: RULE }]);
const rules = { rules: present(loaded.rules, "rules"), thresholds: [] };

const events = [
  { at: "0s", type: "A", k: "x" },
  { at: "1500ms", type: "B", k: "x", v: 3 },
];

function faults(test: object, outOfOrderness = "0s"): string[] {
  const parsed = ruleTestSchema.parse({
    rules: ["r.yaml"],
    out_of_orderness: outOfOrderness,
    tests: [{ name: "t", events, alerts: [], ...test }],
  });
  return runRuleTest(rules, present(parsed.tests[0], "test"), parsed.out_of_orderness);
}

describe("a test of rules", () => {
  it("passes when all alerts are as it says, and says of each only what matters", () => {
    expect(faults({ alerts: [{ at: "1500ms" }] })).toEqual([]);
    const all = { rule: "sample", key: "x", type: "SAMPLE", severity: "info" };
    const told = { message: "x had 3", details: { v: 3, durationMs: 1500 } };
    expect(faults({ alerts: [{ at: "1500ms", ...all, ...told }] })).toEqual([]);
  });

  it("tells what is missing and what was not expected", () => {
    expect(faults({ alerts: [{ at: "2m", key: "y", details: { v: 4 } }] })).toEqual([
      'missing alert at 2m: key "y" details {"v":4}',
      expect.stringMatching(
        /^unexpected alert at 1500ms: rule "sample" key "x" type "SAMPLE" severity "info" message "x had 3" details \{.*"v":3/,
      ),
    ]);
    expect(faults({ alerts: [{ at: "1500ms" }, { at: "1500ms" }] })).toEqual([
      "missing alert at 1500ms:",
    ]);
    expect(faults({ alerts: [{ at: "1500ms", message: "x had 4" }] })).toHaveLength(2);
  });

  it("repeats events, and takes them as they come", () => {
    const first = { at: "0s", repeat: 3, every: "10s", type: "A", k: "x" };
    const alerts = ["25s", "25s", "25s"].map((at) => ({ at }));
    expect(faults({ events: [first, { at: "25s", type: "B", k: "x" }], alerts })).toEqual([]);
    const late = [
      { at: "2s", type: "B", k: "x" },
      { at: "0s", type: "A", k: "x" },
    ];
    expect(faults({ events: late })).toEqual([]);
    expect(faults({ events: late, alerts: [{ at: "2s" }] }, "5s")).toEqual([]);
  });

  it("is about the time at which it begins", () => {
    const start = "2026-11-20T10:00:00+01:00";
    const details = { firstEvent: "2026-11-20T09:00:00.000Z" };
    expect(faults({ start, alerts: [{ at: "1500ms", details }] })).toEqual([]);
  });

  it("is refused when it says what it cannot mean", () => {
    expect(() => faults({ start: "yesterday" })).toThrow(/2026-11-20T10:00:00Z/);
    expect(() => faults({ events: [{ type: "A" }] })).toThrow(/duration/);
    expect(() => faults({ alerts: [{ at: "1s", mesage: "x" }] })).toThrow(/mesage/);
  });
});
