import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sink as influxdb } from "../../aggregator/sinks/influxdb.ts";
import { sink as prometheus } from "../../aggregator/sinks/prometheus.ts";
import type { Sink, SinkKind, WindowResult } from "../../aggregator/sinks/sink.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { sampleWindow } from "../unit/aggregator/sinks/sample-results.ts";
import { RealServer } from "./real-server.ts";
import { victoriametrics } from "./server-plans.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let server: RealServer;

beforeAll(async () => {
  server = await RealServer.start(victoriametrics);
});
afterAll(() => server.remove());

function open(kind: SinkKind, settings: Readonly<Record<string, unknown>>): Promise<Sink> {
  const parts = { name: "series", platform: realPlatform, logger: quiet, position: undefined };
  const configured = kind.schema.parse({ name: "series", ...settings });
  return configured.open({ ...parts, results: "windows" });
}

function write(sink: Sink, results: readonly WindowResult[]) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

/** All series whose labels fit a selector, each with its samples as `[time, value]`. */
async function exported(selector: string): Promise<{ metric: any; samples: number[][] }[]> {
  await fetch(`${server.url}/internal/force_flush`);
  const query = new URLSearchParams({ "match[]": selector, start: "0" });
  const text = await (await fetch(`${server.url}/api/v1/export?${query}`)).text();
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line))
    .map(({ metric, timestamps, values }) => ({
      metric,
      samples: timestamps.map((time: number, index: number) => [time, values[index]]),
    }));
}

describe("a store that takes Prometheus' remote write", () => {
  it("shows every number of a window at the window's end", async () => {
    const url = `${server.url}/api/v1/write`;
    const sink = await open(prometheus, { type: "prometheus", url, labels: { site: "berlin" } });
    const windows = [sampleWindow("ord ers,€", 1, 1), sampleWindow("ord ers,€", 0, 1)];
    expect(await write(sink, windows)).toEqual({ failures: [], ignoredCount: 0 });
    const { requestCount, errorCount, errorRate, avgLatency, latency } = JSON.parse(
      windows[0]?.json ?? "",
    );
    const expected: Record<string, number> = {
      service_metrics_requests: requestCount,
      service_metrics_errors: errorCount,
      service_metrics_error_ratio: errorRate,
      service_metrics_latency_average_seconds: avgLatency / 1_000,
      "service_metrics_latency_seconds 0": latency.min / 1_000,
      "service_metrics_latency_seconds 0.5": latency.p50 / 1_000,
      "service_metrics_latency_seconds 0.95": latency.p95 / 1_000,
      "service_metrics_latency_seconds 0.99": latency.p99 / 1_000,
      "service_metrics_latency_seconds 1": latency.max / 1_000,
    };
    const series = await exported('{service="ord ers,€"}');
    const found = series.map(({ metric, samples }) => {
      const { __name__, quantile, stream, site } = metric;
      expect({ stream, site }).toEqual({ stream: "application-logs", site: "berlin" });
      return [quantile === undefined ? __name__ : `${__name__} ${quantile}`, samples] as const;
    });
    const times = windows.map(({ windowEndMs }) => windowEndMs).toSorted((a, b) => a - b);
    expect(Object.keys(expected).toSorted()).toEqual(found.map(([name]) => name).toSorted());
    for (const [name, samples] of found) {
      expect(samples.map(([time]) => time)).toEqual(times);
      // The store keeps 64-bit decimals with a few digits less than a double has.
      for (const [, value = 0] of samples)
        expect(value).toBeCloseTo(expected[name] ?? Number.NaN, 12);
    }
  });

  it("keeps a corrected window beside the first, without losing either", async () => {
    const url = `${server.url}/api/v1/write`;
    const sink = await open(prometheus, { type: "prometheus", url });
    const window = sampleWindow("corrected", 0, 1);
    await write(sink, [window]);
    const json = window.json
      .replace('"requestCount":2', '"requestCount":3')
      .replace('"state":"final"', '"state":"corrected"');
    await write(sink, [{ ...window, revision: 2, json }]);
    const [series] = await exported('service_metrics_requests{service="corrected"}');
    expect(series?.samples.map(([, value]) => value).toSorted()).toEqual([2, 3]);
  });
});

describe("the influxdb sink with a store that speaks version 2", () => {
  it("writes every number of a window", async () => {
    const sink = await open(influxdb, {
      type: "influxdb",
      url: server.url,
      bucket: "ops",
      org: "us",
      token: "any",
    });
    const window = sampleWindow("v2 orders,€", 0, 4);
    expect(await write(sink, [window])).toEqual({ failures: [], ignoredCount: 0 });
    const { requestCount, errorCount, errorRate, avgLatency, latency } = JSON.parse(window.json);
    const series = await exported('{service="v2 orders,€"}');
    const found = Object.fromEntries(
      series.map(({ metric, samples }) => [metric.__name__, samples]),
    );
    const at = (value: number) => [[window.windowEndMs, value]];
    expect(found).toMatchObject({
      service_metrics_requestCount: at(requestCount),
      service_metrics_errorCount: at(errorCount),
      service_metrics_errorRate: at(errorRate),
      service_metrics_avgLatency: at(avgLatency),
      service_metrics_latencyMin: at(latency.min),
      service_metrics_latencyMax: at(latency.max),
      service_metrics_revision: at(4),
    });
  });
});
