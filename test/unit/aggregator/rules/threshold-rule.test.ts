import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";

const rule = (lines: string) => `name: sample
summary: A sample.
${lines}
alert: { type: SAMPLE, severity: info, message: "{{service}}" }
`;

function faultsOf(lines: string): string[] {
  const { faults } = loadRules([{ file: "r.yaml", text: rule(lines) }]);
  return (faults ?? []).map(
    ({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`,
  );
}

describe("a threshold rule", () => {
  it("knows the numbers of windows, of measures, and the dimensions that it names", () => {
    expect(faultsOf("by: [endpoint]\ncondition: \"p95 > 1 && endpoint != '/health'\"")).toEqual([]);
    expect(faultsOf("condition: revenue_sum < 1")).toEqual([]);
    expect(faultsOf("condition: eror_rate > 1\nwhere: endpoint == 'x'")).toEqual([
      "3:12 condition: unknown field `eror_rate`; did you mean `errorRate`? (at character 1), in `eror_rate > 1`",
      "4:8 where: unknown field `endpoint`; known fields: avgLatency, errorCount, errorRate, max, min, p50, p95, p99, requestCount, responseTime, service, stream, windowEnd, windowStart; a dimension must stand in `by` (at character 1), in `endpoint == 'x'`",
    ]);
    expect(faultsOf("stream: tailrace\ncondition: errorRate > 1")).toHaveLength(1);
    expect(faultsOf("condition: heapUsedRatio > 1")).toHaveLength(1);
  });

  it.each([
    ["by: [endpoint]\nevaluate: provisional\nmin_count: 5\ncondition: p95 > 1", "evaluate"],
    ["window: 5m\nevaluate: provisional\nmin_count: 5\ncondition: p95 > 1", "evaluate"],
    ["by: [endpoint]\nbaseline: {}\ncondition: p95 > p95Usual", "baseline"],
    ["by: [service]\ncondition: p95 > 1", "by"],
    ["stream: tailrace\nwindow: 5m\ncondition: heapUsedRatio > 1", "stream"],
    ["window: 1h\nstale_after: 30m\ncondition: p95 > 1", "stale_after"],
    ["missing: 30m\nstale_after: 30m", "stale_after"],
    ["window: 1d\nmissing: 30m", "missing"],
  ])("is refused when its parts contradict each other: %s", (lines, path) => {
    expect(faultsOf(lines).map((fault) => fault.split(" ")[1])).toEqual([`${path}:`]);
  });
});
