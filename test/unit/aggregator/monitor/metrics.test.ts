import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { agentMetrics } from "../../../../agent/telemetry/agent-metrics.ts";
import { type Figures, Metrics } from "../../../../aggregator/monitor/metrics.ts";
import { readProcessUsage } from "../../../../shared/platform/process-usage.ts";
import { sampleStatus } from "../../agent/telemetry/sample-status.ts";

const figures: Figures = {
  isReady: true,
  inFlightBytes: 7,
  clockMs: 5_000,
  watermarkMs: undefined,
  agentCount: 2,
  receivedLines: 10,
  mergedLines: 9,
  tooLateLines: 1,
  windowChanges: 7,
  rules: [],
  alerts: [{ rule: "errors", severity: "critical", state: "firing", count: 2 }],
  archive: undefined,
  sinks: [
    {
      name: "hot",
      results: "windows",
      writtenCount: 3,
      outcomes: { written: 3, dead: 2 },
      breaker: "open",
      failedWriteCount: 1,
      deadTotal: 0,
      behindCount: 4,
      failure: undefined,
    },
  ],
  inlets: [
    { source: "bus", place: "orders/0", recordCount: 5, deadTotal: 1, behindCount: 2 },
    { source: "http", place: "", recordCount: 6, deadTotal: 0, behindCount: undefined },
  ],
};

async function lines(metrics: Metrics): Promise<string[]> {
  return (await metrics.answer()).body.toString().split("\n");
}

describe("metrics", () => {
  it("show what is read off at that moment, not twice as much the second time", async () => {
    let current = figures;
    const metrics = new Metrics(() => current, false);
    await lines(metrics);
    current = { ...figures, mergedLines: 12 };
    const text = await lines(metrics);
    expect(text).toContain("tailrace_ready 1");
    expect(text).toContain("tailrace_log_clock_seconds 5");
    expect(text).toContain("tailrace_watermark_seconds Nan");
    expect(text).toContain("tailrace_lines_merged_total 12");
    expect(text).toContain('tailrace_sink_results_total{sink="hot",results="windows"} 3');
    expect(text).toContain(
      'tailrace_sink_outcomes_total{sink="hot",results="windows",outcome="dead"} 2',
    );
    expect(text).toContain('tailrace_sink_breaker_state{sink="hot",results="windows"} 2');
    expect(text).toContain('tailrace_sink_behind_changes{sink="hot",results="windows"} 4');
    expect(text).toContain('tailrace_source_records_total{source="bus",place="orders/0"} 5');
    expect(text).toContain('tailrace_source_dead_letters_total{source="bus",place="orders/0"} 1');
    expect(text).toContain('tailrace_source_behind_records{source="bus",place="orders/0"} 2');
    expect(text).toContain('tailrace_source_behind_records{source="http",place=""} Nan');
  });

  it("are all that the dashboard and the rules of packaging ask for", async () => {
    const known = new Set([
      ...(await lines(new Metrics(() => figures, true))).flatMap(
        (line) => /^# TYPE (\w+) /.exec(line)?.[1] ?? [],
      ),
      ...agentMetrics(sampleStatus, readProcessUsage()).map(({ name }) => name),
    ]);
    expect(await lines(new Metrics(() => figures, false))).toContain(
      'tailrace_alerts_open{rule="errors",severity="critical",state="firing"} 2',
    );
    const packaging = join(import.meta.dirname, "../../../../packaging");
    for (const file of ["grafana/tailrace-aggregator.json", "prometheus/tailrace-rules.yaml"]) {
      const text = readFileSync(join(packaging, file), "utf8");
      const asked = [...text.matchAll(/\b(tailrace|nodejs)_\w+/g)].map(([name]) =>
        name.replace(/_bucket$/, ""),
      );
      expect(asked.length).toBeGreaterThan(5);
      expect([file, asked.filter((name) => !known.has(name))]).toEqual([file, []]);
    }
  });

  it("count what happens", async () => {
    const metrics = new Metrics(() => figures, false);
    metrics.answered("/v1/batches", 200, 4);
    metrics.refused("wrong_log");
    metrics.accepted(100);
    metrics.recorded("duplicate");
    const text = await lines(metrics);
    expect(text).toContain('tailrace_http_requests_total{route="/v1/batches",status="200"} 1');
    expect(text).toContain(
      'tailrace_http_request_duration_seconds_bucket{le="0.005",route="/v1/batches"} 1',
    );
    expect(text).toContain('tailrace_receive_refusals_total{code="wrong_log"} 1');
    expect(text).toContain("tailrace_receive_bytes_total 100");
    expect(text).toContain('tailrace_receive_records_total{outcome="duplicate"} 1');
  });

  it("add the figures of the process when it is the aggregator's own", async () => {
    const text = (await lines(new Metrics(() => figures, true))).join("\n");
    expect(text).toContain("process_resident_memory_bytes");
  });
});
