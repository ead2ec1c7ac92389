import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { ChangeFeed } from "../../aggregator/sinks/change-feed.ts";
import { Delivery } from "../../aggregator/sinks/deliver.ts";
import { sink as kind } from "../../aggregator/sinks/influxdb.ts";
import type { Result, Sink } from "../../aggregator/sinks/sink.ts";
import { MemoryState, MemoryStore } from "../../aggregator/state/memory-store.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { sampleWindow } from "../unit/aggregator/sinks/sample-results.ts";
import { HeldRequests } from "./held-requests.ts";
import { RealServer } from "./real-server.ts";
import { influxdb } from "./server-plans.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let server: RealServer;
let databaseCount = 0;
let database: string;
let sink: Sink;

beforeAll(async () => {
  server = await RealServer.start(influxdb);
});
afterAll(() => server.remove());
beforeEach(async () => {
  database = `db${databaseCount++}`;
  await query(`CREATE DATABASE ${database}`);
  const settings = { name: "points", type: "influxdb", url: server.url, database };
  const parts = { name: "points", platform: realPlatform, logger: quiet, position: undefined };
  sink = await kind.schema.parse(settings).open({ ...parts, results: "windows" });
});

function write(results: readonly Result[]) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

/** Rows of a query as objects. */
async function query(text: string): Promise<any[]> {
  const body = new URLSearchParams({ q: text, db: database });
  const answer: any = await (
    await fetch(`${server.url}/query?epoch=ms`, { method: "POST", body })
  ).json();
  const series = answer.results[0].series ?? [];
  return series.flatMap(({ columns, values }: any) =>
    values.map((row: unknown[]) =>
      Object.fromEntries(row.map((value, index) => [columns[index], value])),
    ),
  );
}

const names = ["orders", "a b,c=d", "C:\\logs", 'quo"te', "日本 €"];

describe("the influxdb sink", () => {
  it("keeps every number of a window, exactly, under services of any name", async () => {
    const windows = names.map((name, index) => sampleWindow(name, index, index + 1));
    expect(await write(windows)).toEqual({ failures: [], ignoredCount: 0 });
    const rows = await query("SELECT * FROM service_metrics");
    const expected = windows.map((window) => {
      const { requestCount, errorCount, errorRate, avgLatency, latency, state } = JSON.parse(
        window.json,
      );
      const { min, p50, p95, p99, max } = latency;
      return {
        ...{ time: window.windowEndMs, service: window.service, revision: window.revision },
        ...{ requestCount, errorCount, errorRate, avgLatency, state },
        ...{ latencyMin: min, latencyP50: p50, latencyP95: p95, latencyP99: p99, latencyMax: max },
      };
    });
    expect(rows).toEqual(expected);
    const types = await query("SHOW FIELD KEYS FROM service_metrics");
    const typeOf = Object.fromEntries(types.map((row) => [row.fieldKey, row.fieldType]));
    expect(typeOf).toMatchObject({ requestCount: "integer", errorRate: "float", state: "string" });
  });

  it("SNK-06 replaces a point by its newer revision, and by itself", async () => {
    await write([sampleWindow("orders", 0, 1)]);
    await write([sampleWindow("orders", 0, 2)]);
    await write([sampleWindow("orders", 0, 2)]);
    const rows = await query("SELECT revision FROM service_metrics");
    expect(rows.map(({ revision }) => revision)).toEqual([2]);
  });

  it("SNK-06 names the points of a partial write with the store's reason, and the others stand there", async () => {
    // A field has one type in each shard, which is a week.
    const text = 'service_metrics,service=other requestCount="text" 1795168860000\n';
    await fetch(`${server.url}/write?db=${database}&precision=ms`, { method: "POST", body: text });
    const weekMinutes = 7 * 24 * 60;
    const report = await write([
      sampleWindow("a", 2 * weekMinutes, 1),
      sampleWindow("b", 2 * weekMinutes, 1),
      sampleWindow("bad", 0, 1),
      sampleWindow("c", 3 * weekMinutes, 1),
    ]);
    expect(report.failures).toEqual([
      {
        index: 2,
        reason: expect.stringMatching(/^400 .*partial write: field type conflict.*requestCount/),
        isRetryable: false,
      },
    ]);
    const rows = await query("SELECT service, revision FROM service_metrics WHERE revision > 0");
    expect(rows.map(({ service }) => service).toSorted()).toEqual(["a", "b", "c"]);
  });

  it("shows the newest revision though an old write arrives after it", async () => {
    const relay = await HeldRequests.before(server.url);
    const settings = { name: "points", type: "influxdb", url: relay.url, database };
    const flush = { flush_interval: "10ms", write_timeout: "2s" };
    const configured = kind.schema.parse({ ...settings, ...flush });
    let newest = 1;
    const feed: ChangeFeed = {
      changes: (after) =>
        newest > after ? [{ change: newest, result: () => sampleWindow("orders", 0, newest) }] : [],
      newestChange: () => newest,
      newest: (result) => result,
      watermarkMs: () => undefined,
      changed: async (after, signal) => {
        while (newest <= after && !signal.aborted) await realPlatform.timers.sleep(5);
      },
    };
    relay.holds = () => true;
    const store = new MemoryStore(new MemoryState());
    const parts = { place: "points", feed, store, platform: realPlatform, logger: quiet };
    const delivery = new Delivery({ ...parts, sink: configured, results: "windows" });
    while (relay.heldCount === 0) await realPlatform.timers.sleep(5);
    relay.holds = () => false;
    newest = 2;
    const revisions = async () =>
      (await query("SELECT revision FROM service_metrics")).map(({ revision }) => revision);
    while ((await revisions()).join() !== "2") await realPlatform.timers.sleep(5);
    expect(await relay.release()).toEqual([204]);
    expect(await revisions()).toEqual([1]);
    while (delivery.status.change < 2) await realPlatform.timers.sleep(5);
    expect(await revisions()).toEqual([2]);
    await delivery.close(1_000);
    await relay.close();
  });

  it("waits for a database that is not there, and goes on when it is", async () => {
    await query(`DROP DATABASE ${database}`);
    const report = await write([sampleWindow("orders", 0, 1)]);
    expect(report.failures).toEqual([
      { index: 0, reason: expect.stringMatching(/^404 .*database not found/), isRetryable: true },
    ]);
    await query(`CREATE DATABASE ${database}`);
    expect(await write([sampleWindow("orders", 0, 1)])).toMatchObject({ failures: [] });
    expect(await query("SELECT revision FROM service_metrics")).toHaveLength(1);
  });

  it("fails while the server is away, and goes on when it is back", async () => {
    await server.end();
    await expect(write([sampleWindow("orders", 0, 1)])).rejects.toMatchObject({
      code: "SINK_FAILED",
      retry: "later",
    });
    await server.begin();
    expect(await write([sampleWindow("orders", 0, 1)])).toMatchObject({ failures: [] });
  });
});
