import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { changeText, WindowRun } from "../../../../aggregator/rules/window-run.ts";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { present } from "../../../../shared/assert.ts";

const RULE = `name: wide
summary: Errors.
window: 5m
by: [endpoint]
condition: "errorRate > 0.5"
alert: { type: E, severity: info, message: "{{endpoint}} {{errorCount}}/{{requestCount}}" }
`;

const { thresholds } = loadRules([{ file: "r.yaml", text: RULE }]);
const rule = present(thresholds?.[0], "the rule");

/** One line of host `h` in a minute. */
function counted(minute: number, level: "INFO" | "ERROR", endpoint?: string) {
  const aggregate = new Aggregate();
  aggregate.add(LEVEL_INDEX[level], -1);
  const names = { tenant: "", stream: "application-logs", service: "a" };
  const dimensions = endpoint === undefined ? { host: "h" } : { endpoint, host: "h" };
  return { ...names, dimensions, minute, aggregate };
}

describe("a threshold rule over counted minutes", () => {
  it("looks at windows of its width and dimensions when they are over", () => {
    const run = new WindowRun(rule);
    run.add(counted(0, "ERROR", "/x"));
    run.add(counted(4, "ERROR", "/x"));
    run.add(counted(4, "INFO", "/y"));
    run.add(counted(4, "ERROR"));
    expect(run.advance(4)).toEqual([]);
    const found = run.advance(5);
    expect(found.map(({ state, dimensions }) => ({ state, dimensions }))).toEqual([
      { state: "firing", dimensions: { endpoint: "/x" } },
    ]);
    const shown = JSON.parse(changeText(present(found[0], "what was found")));
    expect(shown).toMatchObject({
      ...{ rule: "wide", kind: "threshold", key: "a", state: "firing" },
      ...{ timestamp: "1970-01-01T00:05:00.000Z", alert: { message: "/x 2/2" } },
    });
    expect(run.advance(15).map(({ state, atMs }) => [state, atMs / 60_000])).toEqual([
      ["resolved", 14],
    ]);
  });
});
