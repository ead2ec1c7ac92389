import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../aggregator/sinks/elasticsearch.ts";
import type { Result, ResultKind, Sink } from "../../aggregator/sinks/sink.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import {
  apartWindow,
  SAMPLE_START_MS,
  sampleAlert,
  sampleWindow,
} from "../unit/aggregator/sinks/sample-results.ts";
import { HeldRequests } from "./held-requests.ts";
import { RealServer } from "./real-server.ts";
import { elasticsearch } from "./server-plans.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const MONTH_MINUTES = 31 * 24 * 60;

let server: RealServer;
let sink: Sink;
let prefixCount = 0;
let prefix: string;

beforeAll(async () => {
  server = await RealServer.start(elasticsearch);
});
afterAll(() => server.remove());
beforeEach(async () => {
  prefix = `t${prefixCount++}`;
  sink = await open();
});
afterEach(() => sink.close());

function open(url = server.url, results: ResultKind = "windows"): Promise<Sink> {
  const settings = {
    name: "search",
    type: "elasticsearch",
    url,
    index_prefix: prefix,
    retention: "60d",
  };
  const parts = { name: "search", platform: realPlatform, logger: quiet, position: undefined };
  return kind.schema.parse(settings).open({ ...parts, results });
}

function write(results: readonly Result[], watermarkMs = SAMPLE_START_MS) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs });
}

async function call(method: string, path: string, body?: unknown): Promise<any> {
  const answer = await fetch(`${server.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  });
  return answer.json();
}

async function documents(what = "windows"): Promise<any[]> {
  await call("POST", `/${prefix}-${what}-*/_refresh`);
  const found = await call("GET", `/${prefix}-${what}-*/_search?size=1000&version=true`);
  return found.hits.hits;
}

async function indices(): Promise<string[]> {
  const found = await call("GET", `/_resolve/index/${prefix}-*`);
  return found.indices.map(({ name }: { name: string }) => name);
}

describe("the elasticsearch sink", () => {
  it("keeps dimensions and measures so that they can be asked for", async () => {
    const windows = [
      apartWindow("orders", 0, { host: "web-1" }),
      apartWindow("orders", 0, { host: "web-2" }),
    ];
    expect(await write(windows)).toMatchObject({ failures: [] });
    await call("POST", `/${prefix}-windows-*/_refresh`);
    const found = await call("POST", `/${prefix}-windows-*/_search`, {
      query: { term: { "dimensions.host": "web-2" } },
      aggs: { bytes: { sum: { field: "measures.bytes.sum" } } },
    });
    expect(found.hits.total.value).toBe(1);
    expect(found.aggregations.bytes.value).toBe(12.5);
  });

  it("keeps a raw line once, where tools look for logs", async () => {
    await sink.close();
    sink = await open(server.url, "lines");
    const line = { line: "Disk is full", level: "FATAL", agent: "web-1", source: "a", weight: 1.5 };
    const result = sampleWindow("orders", 0, 1, { id: "0bad", json: JSON.stringify(line) });
    expect(await write([result])).toEqual({ failures: [], supersededCount: 0, ignoredCount: 0 });
    expect(await write([result])).toMatchObject({ failures: [], supersededCount: 1 });
    await call("POST", `/logs-${prefix}.lines-*/_refresh`);
    const found = await call("POST", `/logs-${prefix}.lines-*/_search`, {
      query: {
        bool: { must: [{ match: { message: "FULL" } }, { term: { "log.level": "FATAL" } }] },
      },
    });
    expect(found.hits.hits).toHaveLength(1);
    expect(found.hits.hits[0]._index).toBe(`logs-${prefix}.lines-2026.11`);
  });

  it("keeps every field of a window, typed by its template", async () => {
    const window = sampleWindow("orders/€", 0, 2);
    expect(await write([window])).toEqual({ failures: [], supersededCount: 0, ignoredCount: 0 });
    const [document] = await documents();
    const { service, ...rest } = document._source;
    expect(document).toMatchObject({
      _index: `${prefix}-windows-2026.11`,
      _id: window.id,
      _version: 2,
    });
    expect({ ...rest, service: service.name }).toEqual({
      ...JSON.parse(window.json),
      "@timestamp": "2026-11-20T10:00:00.000Z",
      event: {
        kind: "metric",
        dataset: "tailrace.windows",
        start: "2026-11-20T10:00:00.000Z",
        end: "2026-11-20T10:01:00.000Z",
      },
    });
    const mapping = await call("GET", `/${prefix}-windows-2026.11/_mapping`);
    const { properties } = mapping[`${prefix}-windows-2026.11`].mappings;
    expect(properties.service.properties.name.type).toBe("keyword");
    expect(properties.errorRate.type).toBe("double");
    expect(properties["@timestamp"].type).toBe("date");
    const byService = await call("POST", `/${prefix}-windows-*/_search`, {
      size: 0,
      query: {
        range: { "@timestamp": { gte: "2026-11-20T10:00:00Z", lt: "2026-11-20T10:01:00Z" } },
      },
      aggs: { services: { terms: { field: "service.name" } } },
    });
    expect(byService.aggregations.services.buckets).toEqual([{ key: "orders/€", doc_count: 1 }]);
  });

  it("lets no older revision win, and takes a repeated one for done", async () => {
    await write([sampleWindow("orders", 0, 7)]);
    expect(await write([sampleWindow("orders", 0, 6), sampleWindow("orders", 1, 1)])).toEqual({
      failures: [],
      supersededCount: 1,
      ignoredCount: 0,
    });
    expect(await write([sampleWindow("orders", 0, 7)])).toMatchObject({ supersededCount: 1 });
    await write([sampleWindow("orders", 0, 8)]);
    const found = await documents();
    expect(found.map(({ _version }) => _version).toSorted()).toEqual([1, 8]);
  });

  it("SNK-01 says which window the store refuses for good, with its reason, and takes the others", async () => {
    const properties = { state: { type: "date" } };
    await call("PUT", `/${prefix}-windows-2026.12`, { mappings: { properties } });
    const december = sampleWindow("orders", MONTH_MINUTES, 1);
    const report = await write([sampleWindow("orders", 0, 1), december, sampleWindow("a", 0, 1)]);
    expect(report.failures).toEqual([
      {
        index: 1,
        reason: expect.stringMatching(
          /^400 document_parsing_exception: .*\[state\] of type \[date\]/,
        ),
        isRetryable: false,
      },
    ]);
    expect(await documents()).toHaveLength(2);
  });

  it("SNK-01 tries an item again that the store cannot take now", async () => {
    await write([sampleWindow("orders", 0, 1)]);
    const block = (isBlocked: boolean) =>
      call("PUT", `/${prefix}-windows-2026.11/_settings`, { "index.blocks.write": isBlocked });
    await block(true);
    const report = await write([
      sampleWindow("orders", 0, 2),
      sampleWindow("orders", MONTH_MINUTES, 1),
    ]);
    expect(report.failures).toEqual([
      { index: 0, reason: expect.stringContaining("cluster_block_exception"), isRetryable: true },
    ]);
    await block(false);
    expect(await write([sampleWindow("orders", 0, 2)])).toMatchObject({ failures: [] });
  });

  it("lets no delayed request overwrite what came after it", async () => {
    const relay = await HeldRequests.before(server.url);
    await sink.close();
    sink = await open(relay.url);
    await write([sampleWindow("orders", 1, 1)]);
    relay.holds = (path) => path.startsWith("/_bulk");
    const stop = new AbortController();
    const old = sink.write([sampleWindow("orders", 0, 1)], {
      signal: stop.signal,
      watermarkMs: undefined,
    });
    while (relay.heldCount === 0) await realPlatform.timers.sleep(5);
    stop.abort();
    await expect(old).rejects.toMatchObject({ code: "SINK_FAILED" });
    relay.holds = () => false;
    await write([sampleWindow("orders", 0, 2)]);
    expect(await relay.release()).toEqual([200]);
    const found = await documents();
    const versions = found.map(({ _source }) => [_source.windowStart, _source.revision]);
    expect(versions.toSorted()).toEqual([
      ["2026-11-20T10:00:00.000Z", 2],
      ["2026-11-20T10:01:00.000Z", 1],
    ]);
    await relay.close();
  });

  it("SNK-03 deletes months beyond the retention, measured from the watermark, and nobody else's index", async () => {
    await write([sampleWindow("orders", 0, 1), sampleWindow("orders", MONTH_MINUTES, 1)]);
    await call("PUT", `/${prefix}-windows-notes`);
    const nextYear = Date.parse("2027-02-10T00:00:00Z");
    expect(await write([sampleWindow("orders", 0, 2)], nextYear)).toMatchObject({
      ignoredCount: 1,
    });
    expect(await indices()).toEqual([`${prefix}-windows-2026.12`, `${prefix}-windows-notes`]);
  });

  it("keeps alerts, once each", async () => {
    const alert = sampleAlert("fraud/1", "orders", 0);
    const alerts = await open(server.url, "alerts");
    const context = { signal: new AbortController().signal, watermarkMs: SAMPLE_START_MS };
    await alerts.write([alert], context);
    expect(await alerts.write([alert], context)).toMatchObject({ supersededCount: 1 });
    const [document, ...others] = await documents("alerts");
    expect(others).toEqual([]);
    expect(document).toMatchObject({
      _index: `${prefix}-alerts-2026.11`,
      _id: "fraud/1",
      _source: { service: { name: "orders" }, rule: { name: "service-degradation" } },
    });
    await alerts.close();
  });

  it("fails while the server is away, and goes on when it is back", {
    timeout: 180_000,
  }, async () => {
    await write([sampleWindow("orders", 0, 1)]);
    await server.end();
    await expect(write([sampleWindow("orders", 0, 2)])).rejects.toMatchObject({
      code: "SINK_FAILED",
      retry: "later",
    });
    await server.begin();
    const report = await write([sampleWindow("orders", 0, 3)]);
    expect(report.failures.filter(({ isRetryable }) => !isRetryable)).toEqual([]);
  });
});
