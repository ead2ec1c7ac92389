import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { ruleTestSchema, runRuleTest } from "../../../../aggregator/rules/rule-test.ts";
import { present } from "../../../../shared/assert.ts";

/** What is wrong with a test of a rule over windows. */
function faultsOf(rule: string, test: object): string[] {
  const text = `name: sample
summary: A sample.
${rule}
alert: { type: SAMPLE, severity: info, message: "{{service}} {{errorCount}}/{{requestCount}}" }
`;
  const { thresholds = [], faults } = loadRules([{ file: "r.yaml", text }]);
  expect(faults).toBeUndefined();
  const parsed = ruleTestSchema.parse({ rules: ["r.yaml"], tests: [{ name: "t", ...test }] });
  return runRuleTest({ rules: [], thresholds }, present(parsed.tests[0], "test"), 0);
}

const ERRORS = 'condition: "errorRate > 0.1"';

describe("a test of a threshold rule", () => {
  it("shows windows of the rule's width only", () => {
    const windows = [
      { at: "0m", service: "a", errorCount: 1 },
      { at: "0m", window: "5m", repeat: 2, service: "a", requestCount: 10, errorCount: 2 },
      { at: "10m", window: "5m", service: "a", requestCount: 10 },
    ];
    const alerts = [
      { at: "5m", message: "a 2/10" },
      { at: "15m", state: "resolved" },
    ];
    expect(faultsOf(`window: 5m\n${ERRORS}`, { windows, alerts })).toEqual([]);
  });

  it("counts lines in windows of every width, and by any choice of their dimensions", () => {
    const line = { service: "a", repeat: 5, every: "1s" };
    const lines = [
      { ...line, at: "0m", level: "ERROR", dimensions: { endpoint: "/x", host: "h1" } },
      { ...line, at: "1m", dimensions: { endpoint: "/x", host: "h2" } },
      { ...line, at: "1m", dimensions: { endpoint: "/y", host: "h1" } },
    ];
    const hourly = [{ at: "1h", message: "a 5/15" }];
    expect(faultsOf(`window: 1h\n${ERRORS}`, { lines, alerts: hourly })).toEqual([]);
    const byEndpoint = [{ at: "5m", dimensions: { endpoint: "/x" }, message: "a 5/10" }];
    const rule = `window: 5m\nby: [endpoint]\n${ERRORS}`;
    expect(faultsOf(rule, { lines, alerts: byEndpoint })).toEqual([]);
    const byBoth = [{ at: "5m", dimensions: { endpoint: "/x", host: "h1" }, message: "a 5/5" }];
    const both = `window: 5m\nby: [host, endpoint]\n${ERRORS}`;
    expect(faultsOf(both, { lines, alerts: byBoth })).toEqual([]);
  });

  it("shows numbers of measures, and what is usual of them", () => {
    const windows = [
      { at: "0m", repeat: 30, service: "a", measures: { revenue_sum: 100 } },
      { at: "30m", service: "a", measures: { revenue_sum: 20 } },
    ];
    const rule = `baseline: { history: 6h, same_hour: false, min_windows: 20 }
condition: "revenue_sum < revenue_sumUsual / 2"`;
    expect(faultsOf(rule, { windows, alerts: [{ at: "31m", key: "a" }] })).toEqual([]);
  });
});
