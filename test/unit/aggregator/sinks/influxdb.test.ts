import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../../../aggregator/sinks/influxdb.ts";
import type { Result, Sink } from "../../../../aggregator/sinks/sink.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { apartWindow, sampleWindow } from "./sample-results.ts";
import { answer, ScriptedStore } from "./scripted-store.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let store: ScriptedStore;

beforeEach(async () => {
  store = await ScriptedStore.start();
});
afterEach(() => store.close());

function open(settings: Readonly<Record<string, unknown>> = { database: "ops" }): Promise<Sink> {
  const configured = kind.schema.parse({
    name: "points",
    type: "influxdb",
    url: store.url,
    ...settings,
  });
  const parts = { name: "points", platform: realPlatform, logger: quiet, position: undefined };
  return configured.open({ ...parts, results: "windows" });
}

function write(sink: Sink, results: readonly Result[]) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

describe("the influxdb sink", () => {
  it("writes a point per window with its types", async () => {
    store.script = (_request, response) => response.writeHead(204).end();
    const report = await write(await open(), [
      sampleWindow("orders", 0, 2),
      sampleWindow("other", 0, 1, { stream: "metrics" }),
    ]);
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    const [request] = store.requests;
    expect(request?.path).toBe("/write?precision=ms&db=ops");
    const line = request?.body.toString() ?? "";
    expect(line).toMatch(
      /^service_metrics,service=orders requestCount=2i,errorCount=1i,errorRate=0\.5,avgLatency=21\.25,latencyMin=2\.5,latencyP50=[\d.]+,latencyP95=[\d.]+,latencyP99=[\d.]+,latencyMax=40,state="final",revision=2i 1795168860000\n$/,
    );
  });

  it("writes windows with dimensions to a measurement of their own, and measures as fields", async () => {
    store.script = (_request, response) => response.writeHead(204).end();
    const dimensions = { path: "/a b\n\\", zone: "" };
    const report = await write(await open(), [apartWindow("orders", 0, dimensions)]);
    expect(report.failures).toEqual([]);
    const line = store.requests[0]?.body.toString() ?? "";
    expect(line).toMatch(/^service_metrics_by,path=\/a\\ b__,service=orders requestCount=2i,/);
    expect(line).toContain(",bytes_sum=12.5,users_distinct=3 ");
  });

  it("writes to version 2 by bucket and with a token", async () => {
    store.script = (_request, response) => response.writeHead(204).end();
    const settings = { bucket: "my bucket", org: "us", token: "secret", measurement: "m" };
    await write(await open(settings), [sampleWindow("orders", 0, 1)]);
    expect(store.requests[0]).toMatchObject({
      path: "/api/v2/write?precision=ms&org=us&bucket=my+bucket",
      headers: { authorization: "Token secret" },
    });
  });

  it("SNK-06 finds the points that a partial write left out, and keeps the store's reason", async () => {
    store.script = (request, response) => {
      if (request.body.includes("service=bad")) {
        answer(response, 400, { error: "partial write: field type conflict dropped=1" });
      } else response.writeHead(204).end();
    };
    const services = ["a", "b", "bad", "c", "d"];
    const report = await write(
      await open(),
      services.map((service) => sampleWindow(service, 0, 1)),
    );
    expect(report.failures).toEqual([
      {
        index: 2,
        reason: '400 {"error":"partial write: field type conflict dropped=1"}',
        isRetryable: false,
      },
    ]);
  });

  it("refuses services whose name the protocol cannot hold, and writes the others", async () => {
    store.script = (_request, response) => response.writeHead(204).end();
    const report = await write(await open(), [
      sampleWindow("a\nb", 0, 1),
      sampleWindow("orders", 0, 1),
    ]);
    expect(report.failures).toEqual([
      {
        index: 0,
        reason: "line protocol cannot hold the service's name: it has a line end",
        isRetryable: false,
      },
    ]);
    expect(store.requests[0]?.body.toString()).toContain("service=orders");
  });

  it.each([401, 404, 429, 500, 503])("tries all again after %d", async (status) => {
    store.script = (_request, response) =>
      answer(response, status, { error: "not now" }, { "retry-after": "3" });
    const report = await write(await open(), [sampleWindow("a", 0, 1), sampleWindow("b", 0, 1)]);
    expect(report).toMatchObject({ retryAfterMs: 3_000 });
    expect(report.failures.map(({ isRetryable }) => isRetryable)).toEqual([true, true]);
    expect(store.requests).toHaveLength(1);
  });

  it("knows nothing of a write without an answer, and shows no secret", async () => {
    store.script = (_request, response) => response.destroy();
    const sink = await open({ database: "ops", username: "me", password: "secret" });
    const writing = write(sink, [sampleWindow("a", 0, 1)]);
    await expect(writing).rejects.toMatchObject({ code: "SINK_FAILED" });
    await expect(writing).rejects.not.toThrow(/secret|write\?/);
  });

  it.each([
    [{}, ["database"]],
    [{ database: "a", bucket: "b" }, ["database", "org"]],
    [{ bucket: "b" }, ["org"]],
    [{ database: "a", username: "me" }, ["username"]],
  ])("is refused with %j", (settings, paths) => {
    const base = { name: "points", type: "influxdb", url: "http://127.0.0.1:8086" };
    const parsed = kind.schema.safeParse({ ...base, ...settings });
    expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual(paths);
  });
});
