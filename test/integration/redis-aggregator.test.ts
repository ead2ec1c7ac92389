import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import { RunningAggregator } from "../end-to-end/running-aggregator.ts";
import {
  MINUTE,
  sampleAggregate,
  sampleBatch,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import { RealServer } from "./real-server.ts";
import { redis } from "./server-plans.ts";

let server: RealServer;
let aggregator: RunningAggregator;

beforeAll(async () => {
  server = await RealServer.start(redis);
  aggregator = await RunningAggregator.start((folder) => ({
    sinks: [
      { name: "hot", type: "redis", url: server.url, flush_interval: "20ms" },
      { name: "dead", type: "redis", url: "redis://127.0.0.1:1", flush_interval: "20ms" },
      { name: "out", type: "file", path: join(folder, "windows.ndjson"), flush_interval: "20ms" },
    ],
  }));
});
afterAll(async () => {
  await aggregator.remove();
  await server.remove();
});

describe("an aggregator with a redis sink", () => {
  it("keeps 5-minute metrics there, in their newest revision, whatever happens to other sinks", async () => {
    await aggregator.hello();
    const client = createClient({ url: server.url });
    await client.connect();
    let previousDigest = DIGEST_NONE;
    for (const [index, offset] of [0, 4, 5, 0].entries()) {
      const aggregate = sampleAggregate(1);
      const stream = "application-logs";
      const deltas = [{ stream, service: "orders", minute: MINUTE + offset, aggregate }];
      const record = sealRecord(sampleBatch(index + 1, { previousDigest, deltas }));
      previousDigest = record.digest;
      expect((await aggregator.send(sampleEnvelope([record]))).status).toBe(200);
    }
    const metrics = async () => {
      const fields = Object.entries(await client.hGetAll("service_metrics"));
      return fields
        .map(([field, json]) => [field, JSON.parse(json)] as const)
        .map(([field, { windowStart, requestCount, revision }]) =>
          [field, String(windowStart).slice(11, 16), requestCount, revision].join(" "),
        )
        .toSorted((a, b) => (a < b ? -1 : 1));
    };
    const expected = [
      "orders:2026-11-20T10:05:00.000Z 10:00 6 3",
      "orders:2026-11-20T10:10:00.000Z 10:05 2 1",
    ];
    while ((await metrics()).join() !== expected.join()) await realPlatform.timers.sleep(10);
    client.destroy();
    const file = join(aggregator.folder, "windows.ndjson");
    while ((await readFile(file, "utf8")).split("\n").length < 4) {
      await realPlatform.timers.sleep(10);
    }
    const lines = (await aggregator.get("/metrics")).text.split("\n");
    expect(lines).toContain('tailrace_sink_results_total{sink="dead",results="windows"} 0');
    expect((await aggregator.get("/readyz")).status).toBe(200);
  });
});
