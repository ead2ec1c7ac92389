import { describe, expect, it } from "vitest";
import { metricsRow } from "../../../../aggregator/process/metrics-event.ts";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import { TEN, TEN_MS } from "../collect/sample-agent.ts";

describe("what a window says when it becomes final", () => {
  it("are its numbers, at its last millisecond, keyed by its service", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, 100_000);
    aggregate.add(LEVEL_INDEX.ERROR, 300_000);
    const names = { tenant: "acme", stream: "access", service: "orders" };
    expect(metricsRow(names, TEN, aggregate)).toMatchObject({
      tenant: "acme",
      key: "orders",
      timeMs: TEN_MS + 59_999,
      type: null,
      fields: {
        service: "orders",
        stream: "access",
        requestCount: 2,
        errorCount: 1,
        errorRate: 0.5,
        avgLatency: 200,
        responseTime: 200,
        max: 300,
        windowStart: "2026-11-20T10:00:00.000Z",
      },
    });
  });

  it("has no response time when no event had a duration", () => {
    const aggregate = new Aggregate();
    aggregate.add(LEVEL_INDEX.INFO, -1);
    const { fields } = metricsRow({ tenant: "", stream: "s", service: "a" }, TEN, aggregate);
    expect(fields["responseTime"]).toBeNull();
    expect(fields).not.toHaveProperty("p95");
  });
});
