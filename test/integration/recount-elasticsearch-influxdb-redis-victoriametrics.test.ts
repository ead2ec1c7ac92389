/** Real logs through an agent and an aggregator into every store, each compared field by field with a recount of the lines. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { runProgram } from "../end-to-end/program.ts";
import {
  comparable,
  type ExpectedWindow,
  recount,
  type WrittenLine,
} from "../end-to-end/recount.ts";
import { RunningAggregator } from "../end-to-end/running-aggregator.ts";
import { RealServer } from "./real-server.ts";
import * as plans from "./server-plans.ts";

const SAMPLE = join(import.meta.dirname, "../../config/demo/train-ticket-requests.ndjson.gz");

let aggregator: RunningAggregator;
let servers: Record<"elasticsearch" | "influxdb" | "redis" | "victoriametrics", RealServer>;
let lines: WrittenLine[];

beforeAll(async () => {
  const { elasticsearch, influxdb, redis, victoriametrics } = plans;
  const [search, points, hot, series] = await Promise.all(
    [elasticsearch, influxdb, redis, victoriametrics].map((plan) => RealServer.start(plan)),
  );
  if (!search || !points || !hot || !series) throw new Error("a server is missing");
  servers = { elasticsearch: search, influxdb: points, redis: hot, victoriametrics: series };
  await fetch(`${points.url}/query?q=CREATE+DATABASE+ops`, { method: "POST" });
  const common = { flush_interval: "50ms" };
  aggregator = await RunningAggregator.start(() => ({
    sinks: [
      { ...common, name: "search", type: "elasticsearch", url: search.url },
      { ...common, name: "points", type: "influxdb", url: points.url, database: "ops" },
      { ...common, name: "hot", type: "redis", url: hot.url },
      { ...common, name: "series", type: "prometheus", url: `${series.url}/api/v1/write` },
    ],
  }));
  const text = gunzipSync(await readFile(SAMPLE));
  lines = text
    .toString()
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { timestamp, service, level, duration } = JSON.parse(line);
      return { service, level, timeMs: Date.parse(timestamp), durationMs: duration };
    });
  await runAgent(text);
});
afterAll(async () => {
  await aggregator.remove();
  for (const server of Object.values(servers)) await server.remove();
});

/** Ships the lines with a real agent, and waits until everything is final and delivered. */
async function runAgent(text: Buffer): Promise<void> {
  const log = join(aggregator.folder, "requests.log");
  await writeFile(log, text);
  const config = join(aggregator.folder, "agent.yaml");
  const settings = {
    id: "web-1",
    data_dir: join(aggregator.folder, "agent"),
    sources: [{ name: "app", type: "file", paths: [log], format: "json" }],
    ship: { endpoints: [`http://127.0.0.1:${aggregator.port}`] },
  };
  await writeFile(config, JSON.stringify(settings));
  const finished = await runProgram(["agent", "--config", config, "--once"]);
  expect(finished.stderr).not.toContain("error");
  expect(finished.code).toBe(0);
  for (;;) {
    const { body }: { body: any } = await aggregator.get("/v1/windows");
    const isFinal = body.windows.every(({ state }: any) => state !== "provisional");
    const { body: status }: { body: any } = await aggregator.get("/v1/sinks");
    const isDelivered = status.sinks.every(
      ({ behind, failure }: any) => behind === 0 && failure === null,
    );
    if (isFinal && isDelivered) return;
    await realPlatform.timers.sleep(50);
  }
}

const byStartAndService = (a: ExpectedWindow, b: ExpectedWindow) =>
  `${a.windowStart} ${a.service}` < `${b.windowStart} ${b.service}` ? -1 : 1;

async function getJson(url: string): Promise<any> {
  return (await fetch(url)).json();
}

describe("real logs", () => {
  it("stand in Elasticsearch as they were written", async () => {
    const { url } = servers.elasticsearch;
    await fetch(`${url}/tailrace-windows-*/_refresh`, { method: "POST" });
    const found = await getJson(`${url}/tailrace-windows-*/_search?size=10000`);
    const windows = found.hits.hits.map(({ _source }: any) =>
      comparable({ ..._source, service: _source.service.name }),
    );
    expect(windows.toSorted(byStartAndService)).toEqual(recount(lines));
  });

  it("stand in InfluxDB as they were written", async () => {
    const query = new URLSearchParams({
      db: "ops",
      epoch: "ms",
      q: "SELECT * FROM service_metrics",
    });
    const answer = await getJson(`${servers.influxdb.url}/query?${query}`);
    const { columns, values } = answer.results[0].series[0];
    const windows = values
      .map((row: unknown[]) => Object.fromEntries(row.map((value, at) => [columns[at], value])))
      .map(({ time, ...row }: any) => ({
        ...comparable({ ...row, min: row.latencyMin, max: row.latencyMax }),
        windowStart: new Date(time - 60_000).toISOString(),
      }));
    const expected = recount(lines).map((window) => ({ ...window, levels: undefined }));
    expect(windows.toSorted(byStartAndService)).toEqual(expected);
  });

  it("stand in Redis as they were written, in windows of five minutes", async () => {
    const client = createClient({ url: servers.redis.url });
    await client.connect();
    const fields = Object.values(await client.hGetAll("service_metrics"));
    client.destroy();
    const windows = fields.map((json) => comparable(JSON.parse(json)));
    expect(windows.toSorted(byStartAndService)).toEqual(recount(lines, 5));
  });

  it("stand in a store of Prometheus' remote write as they were written", async () => {
    const { url } = servers.victoriametrics;
    await fetch(`${url}/internal/force_flush`);
    const query = new URLSearchParams({
      "match[]": '{__name__=~"service_metrics_.*"}',
      start: "0",
    });
    const text = await (await fetch(`${url}/api/v1/export?${query}`)).text();
    const found = new Map<string, number>();
    for (const line of text.split("\n")) {
      if (line === "") continue;
      const { metric, values, timestamps } = JSON.parse(line);
      for (const [at, value] of values.entries()) {
        const { __name__: name, service, quantile = "" } = metric;
        found.set(`${timestamps[at]} ${service} ${name} ${quantile}`.trim(), value);
      }
    }
    for (const window of recount(lines)) {
      const key = `${Date.parse(window.windowStart) + 60_000} ${window.service} service_metrics`;
      expect(found.get(`${key}_requests`)).toBe(window.requestCount);
      expect(found.get(`${key}_errors`)).toBe(window.errorCount);
      const [average = Number.NaN, min = Number.NaN, max = Number.NaN] = [
        found.get(`${key}_latency_average_seconds`),
        found.get(`${key}_latency_seconds 0`),
        found.get(`${key}_latency_seconds 1`),
      ];
      // The store keeps decimals with a few digits less than a double has.
      expect(average).toBeCloseTo((window.avgLatency ?? 0) / 1_000, 10);
      expect(min).toBeCloseTo((window.min ?? 0) / 1_000, 10);
      expect(max).toBeCloseTo((window.max ?? 0) / 1_000, 10);
    }
    const requests = [...found.keys()].filter((key) => key.endsWith("service_metrics_requests"));
    expect(requests).toHaveLength(recount(lines).length);
  });
});
