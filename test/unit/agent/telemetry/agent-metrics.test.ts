import { describe, expect, it } from "vitest";
import { agentMetrics } from "../../../../agent/telemetry/agent-metrics.ts";
import { otlpMetrics } from "../../../../agent/telemetry/otlp-metrics.ts";
import { prometheusText } from "../../../../agent/telemetry/prometheus-text.ts";
import { sampleStatus } from "./sample-status.ts";

const usage = { cpuSeconds: 1.5, residentBytes: 5e7, heapUsedBytes: 2e7 };
const metrics = agentMetrics(sampleStatus, usage);

describe("the metrics of an agent as Prometheus reads them", () => {
  const lines = prometheusText(metrics).split("\n");

  it("tell every line and byte by what became of it, losses by their reasons", () => {
    const ledger = lines.filter((line) => /^tailrace_agent_(?:lines|bytes)_total/.test(line));
    expect(ledger).toEqual([
      'tailrace_agent_lines_total{source="app",kind="aggregated",reason=""} 40',
      'tailrace_agent_lines_total{source="app",kind="rejected",reason="too_long"} 1',
      'tailrace_agent_lines_total{source="app",kind="lost",reason="rotated_away"} 0',
      'tailrace_agent_lines_total{source="app",kind="lost",reason="lost_by_aggregator"} 0',
      'tailrace_agent_bytes_total{source="app",kind="aggregated",reason=""} 4000',
      'tailrace_agent_bytes_total{source="app",kind="rejected",reason="too_long"} 900',
      'tailrace_agent_bytes_total{source="app",kind="lost",reason="rotated_away"} 70',
      'tailrace_agent_bytes_total{source="app",kind="lost",reason="lost_by_aggregator"} 30',
    ]);
  });

  it("have a series of losses for each source from the beginning, so that the first loss is a rise", () => {
    expect(lines).toContain('tailrace_agent_lost_bytes_total{source="app"} 100');
    expect(lines).toContain('tailrace_agent_lost_bytes_total{source="odd \\"name\\"\\\\"} 0');
  });

  it("tell what falls again as gauges", () => {
    expect(lines).toContain("# TYPE tailrace_agent_held_bytes gauge");
    expect(lines).toContain('tailrace_agent_held_bytes{source="app"} 25');
    expect(lines).toContain('tailrace_agent_batch_sequence{stage="applied"} 5');
  });

  it("say nothing of what has no value", () => {
    const text = prometheusText(agentMetrics({ ...sampleStatus, ledger: [], sources: [] }, usage));
    expect(text).not.toContain("tailrace_agent_held_bytes");
    expect(text.endsWith("process_start_time_seconds 1795168800\n")).toBe(true);
  });
});

describe("the metrics of an agent as a collector takes them", () => {
  it("are cumulative sums and gauges of one resource, times in nanoseconds", () => {
    const frame = { agent: "web-1", host: "web-1.example", nowMs: 1_795_168_860_123 };
    const { resourceMetrics } = JSON.parse(otlpMetrics(metrics, frame));
    expect(resourceMetrics).toHaveLength(1);
    expect(resourceMetrics[0].resource.attributes).toContainEqual({
      key: "service.instance.id",
      value: { stringValue: "web-1" },
    });
    const found = resourceMetrics[0].scopeMetrics[0].metrics;
    const named = (name: string) => found.find((metric: { name: string }) => metric.name === name);
    expect(named("tailrace_agent_lost_bytes_total").sum).toMatchObject({
      aggregationTemporality: 2,
      isMonotonic: true,
      dataPoints: [
        {
          attributes: [{ key: "source", value: { stringValue: "app" } }],
          timeUnixNano: "1795168860123000000",
          asDouble: 100,
        },
        { asDouble: 0 },
      ],
    });
    expect(named("tailrace_agent_ready").gauge.dataPoints[0].asDouble).toBe(1);
  });
});
