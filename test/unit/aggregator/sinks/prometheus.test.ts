import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../../../aggregator/sinks/prometheus.ts";
import type { WindowResult } from "../../../../aggregator/sinks/sink.ts";
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

async function write(results: readonly WindowResult[], settings = {}) {
  const base = { name: "series", type: "prometheus", url: `${store.url}/api/v1/write` };
  const parts = { name: "series", platform: realPlatform, logger: quiet, position: undefined };
  const sink = await kind.schema
    .parse({ ...base, ...settings })
    .open({ ...parts, results: "windows" });
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

const provisional = (window: WindowResult): WindowResult => ({
  ...window,
  json: window.json.replace('"state":"final"', '"state":"provisional"'),
});

describe("the prometheus sink", () => {
  it("sends final windows, and leaves those out that may still change", async () => {
    const report = await write([
      provisional(sampleWindow("early", 0, 1)),
      sampleWindow("orders", 0, 1),
    ]);
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    expect(store.requests).toHaveLength(1);
    const [request] = store.requests;
    expect(request?.headers).toMatchObject({
      "content-encoding": "snappy",
      "content-type": "application/x-protobuf",
      "x-prometheus-remote-write-version": "0.1.0",
    });
    expect(request?.body.includes("orders")).toBe(true);
    expect(request?.body.includes("early")).toBe(false);
  });

  it("gives windows with dimensions names of their own, and measures labels", async () => {
    await write([apartWindow("orders", 0, { service: "x", "http.path": "/a", zone: "" })]);
    const text = store.requests[0]?.body.toString("latin1") ?? "";
    for (const part of ["service_metrics_by_requests", "service_", "http_path", "measure", "bytes"])
      expect(text).toContain(part);
    expect(text).not.toContain("zone");
  });

  it("names the window that the store refuses", async () => {
    store.script = (request, response) =>
      request.body.includes("bad")
        ? answer(response, 400, "duplicate sample for timestamp")
        : response.writeHead(204).end();
    const report = await write([
      provisional(sampleWindow("early", 0, 1)),
      sampleWindow("orders", 0, 1),
      sampleWindow("bad", 0, 2),
    ]);
    expect(report.failures).toEqual([
      { index: 2, reason: '400 "duplicate sample for timestamp"', isRetryable: false },
    ]);
  });

  it("signs in with a token or a user", async () => {
    await write([sampleWindow("orders", 0, 1)], { token: "secret" });
    await write([sampleWindow("orders", 0, 1)], { username: "me", password: "pw" });
    expect(store.requests.map(({ headers }) => headers.authorization)).toEqual([
      "Bearer secret",
      "Basic bWU6cHc=",
    ]);
  });

  it("is refused with a user but no password", () => {
    const base = { name: "series", type: "prometheus", url: "http://127.0.0.1:1/write" };
    const parsed = kind.schema.safeParse({ ...base, username: "me" });
    expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual(["username"]);
  });
});
