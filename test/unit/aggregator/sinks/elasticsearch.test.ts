import type { ServerResponse } from "node:http";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../../../aggregator/sinks/elasticsearch.ts";
import type { Result, ResultKind, Sink, WriteReport } from "../../../../aggregator/sinks/sink.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { SAMPLE_START_MS, sampleAlert, sampleWindow } from "./sample-results.ts";
import { answer, ScriptedStore } from "./scripted-store.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let store: ScriptedStore;
let sink: Sink;

beforeEach(async () => {
  store = await ScriptedStore.start();
  sink = await open();
});
afterEach(async () => {
  await sink.close();
  await store.close();
});

function open(
  settings: Readonly<Record<string, unknown>> = {},
  results: ResultKind = "windows",
): Promise<Sink> {
  const configured = kind.schema.parse({
    name: "search",
    type: "elasticsearch",
    url: store.url,
    ...settings,
  });
  const parts = { name: "search", platform: realPlatform, logger: quiet, position: undefined };
  return configured.open({ ...parts, results });
}

function write(results: readonly Result[], watermarkMs = SAMPLE_START_MS): Promise<WriteReport> {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs });
}

/** Answers bulk requests with `respond`, and everything before them with success. */
function onBulk(respond: (response: ServerResponse, count: number) => void): void {
  store.script = (request, response) => {
    if (request.path.startsWith("/_resolve")) answer(response, 200, { indices: [] });
    else if (!request.path.startsWith("/_bulk")) answer(response, 200, { acknowledged: true });
    else respond(response, request.body.toString().trim().split("\n").length / 2);
  };
}

const item = (status: number, type?: string) => ({
  index: { status, ...(type === undefined ? {} : { error: { type, reason: `because ${type}` } }) },
});

const bulkLines = () =>
  store.requests
    .filter(({ path }) => path.startsWith("/_bulk"))
    .map(({ body }) =>
      body
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    );

describe("the elasticsearch sink", () => {
  it("SNK-01 judges each item of a bulk answer alone", async () => {
    onBulk((response) =>
      answer(response, 200, {
        items: [
          item(201),
          item(409, "version_conflict_engine_exception"),
          item(429, "es_rejected_execution_exception"),
          item(400, "document_parsing_exception"),
          item(503, "unavailable_shards_exception"),
          item(200),
        ],
      }),
    );
    const windows = [0, 1, 2, 3, 4, 5].map((minute) => sampleWindow("orders", minute, 1));
    expect(await write(windows)).toEqual({
      ignoredCount: 0,
      supersededCount: 1,
      failures: [
        {
          index: 2,
          reason: "429 es_rejected_execution_exception: because es_rejected_execution_exception",
          isRetryable: true,
        },
        {
          index: 3,
          reason: "400 document_parsing_exception: because document_parsing_exception",
          isRetryable: false,
        },
        {
          index: 4,
          reason: "503 unavailable_shards_exception: because unavailable_shards_exception",
          isRetryable: true,
        },
      ],
    });
  });

  it.each([
    [
      "is cut",
      (response: ServerResponse) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "500" });
        response.write('{"items":[');
        setImmediate(() => response.destroy());
      },
    ],
    [
      "is no JSON",
      (response: ServerResponse) => {
        response
          .writeHead(200, {
            "content-type": "application/json",
            "x-elastic-product": "Elasticsearch",
          })
          .end('{"items":[{');
      },
    ],
    [
      "is a page of a proxy",
      (response: ServerResponse) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<html>Sign in</html>");
      },
    ],
    [
      "names too few items",
      (response: ServerResponse) => {
        answer(response, 200, { items: [item(201)] });
      },
    ],
    ["names no items", (response: ServerResponse) => answer(response, 200, {})],
  ])("SNK-02 knows nothing of a write whose answer %s", async (_case, respond) => {
    onBulk(respond);
    const windows = [sampleWindow("orders", 0, 1), sampleWindow("orders", 1, 1)];
    await expect(write(windows)).rejects.toMatchObject({ code: "SINK_FAILED", retry: "later" });
  });

  it("SNK-01 tries all again when the whole request is refused, not before the store asks for it", async () => {
    onBulk((response) =>
      answer(response, 429, { error: { type: "busy", reason: "busy" } }, { "retry-after": "7" }),
    );
    const report = await write([sampleWindow("orders", 0, 1), sampleWindow("orders", 1, 1)]);
    expect(report).toMatchObject({ retryAfterMs: 7_000 });
    expect(report.failures.map(({ isRetryable }) => isRetryable)).toEqual([true, true]);
  });

  it("SNK-03 names the index from the data's own time, and the document from the result", async () => {
    onBulk((response, count) => answer(response, 200, { items: new Array(count).fill(item(201)) }));
    const lastOfMonth = (Date.parse("2026-12-01T00:00:00Z") - SAMPLE_START_MS) / 60_000 - 1;
    const results = [
      sampleWindow("orders", lastOfMonth, 3),
      sampleWindow("orders", lastOfMonth + 1, 1),
    ];
    await write(results, Date.parse("2026-12-01T00:00:09Z"));
    await write(results, Date.parse("2027-01-02T00:00:00Z"));
    const actions = bulkLines().map((lines) => lines.filter((_, index) => index % 2 === 0));
    expect(actions[0]).toEqual([
      {
        index: {
          _index: "tailrace-windows-2026.11",
          _id: results[0]?.id,
          version: 3,
          version_type: "external",
        },
      },
      {
        index: {
          _index: "tailrace-windows-2026.12",
          _id: results[1]?.id,
          version: 1,
          version_type: "external",
        },
      },
    ]);
    expect(actions[1]).toEqual(actions[0]);
  });

  it("makes its template before the first document, and again after a failure", async () => {
    onBulk((response) => response.destroy());
    await expect(write([sampleWindow("orders", 0, 1)])).rejects.toThrow("Elasticsearch");
    onBulk((response, count) => answer(response, 200, { items: new Array(count).fill(item(201)) }));
    await write([sampleWindow("orders", 0, 1)]);
    await write([sampleWindow("orders", 0, 2)]);
    const paths = store.requests
      .map(({ method, path }) => `${method} ${path.split("?")[0]}`)
      .filter((path) => !path.includes("_resolve"));
    const [template, bulk] = ["PUT /_index_template/tailrace-windows", "POST /_bulk"];
    // The client puts what the store shows of itself first.
    expect(paths).toEqual([template, bulk, template, bulk, bulk]);
  });

  it("leaves windows out whose index is beyond the retention, and counts them", async () => {
    await sink.close();
    sink = await open({ retention: "30d" });
    onBulk((response, count) => answer(response, 200, { items: new Array(count).fill(item(201)) }));
    const report = await write(
      [sampleWindow("orders", 0, 1), sampleWindow("orders", 60 * 24 * 31, 1)],
      Date.parse("2027-01-05T00:00:00Z"),
    );
    expect(report).toMatchObject({ ignoredCount: 1, failures: [] });
    expect(bulkLines()[0]?.[0]).toMatchObject({ index: { _index: "tailrace-windows-2026.12" } });
  });

  it("makes no index for a clock that runs wild", async () => {
    onBulk((response, count) => answer(response, 200, { items: new Array(count).fill(item(201)) }));
    const report = await write([
      sampleWindow("orders", 60 * 24 * 400, 1),
      sampleWindow("orders", 0, 1),
    ]);
    const reason = "tailrace-windows-2027.12 would be more than a year ahead of the watermark";
    expect(report).toMatchObject({
      failures: [{ index: 0, reason, isRetryable: false }],
      ignoredCount: 0,
    });
    expect(bulkLines()[0]).toHaveLength(2);
  });

  it("signs in, compresses and asks one address only", async () => {
    await sink.close();
    sink = await open({ api_key: "secret" });
    onBulk((response, count) => answer(response, 200, { items: new Array(count).fill(item(201)) }));
    await write([sampleWindow("orders", 0, 1)]);
    const bulk = store.requests.find(({ path }) => path.startsWith("/_bulk"));
    expect(bulk?.headers).toMatchObject({
      authorization: "ApiKey secret",
      "content-encoding": "gzip",
    });
    expect(store.requests.some(({ path }) => path.startsWith("/_nodes"))).toBe(false);
  });

  it("stops when the signal says so", async () => {
    onBulk(() => undefined);
    const stop = new AbortController();
    const writing = sink.write([sampleWindow("orders", 0, 1)], {
      signal: stop.signal,
      watermarkMs: undefined,
    });
    setTimeout(() => stop.abort(), 50);
    await expect(writing).rejects.toMatchObject({ code: "SINK_FAILED" });
  });

  it("keeps raw lines by their ids, where tools look for logs", async () => {
    await sink.close();
    sink = await open({}, "lines");
    onBulk((response) => answer(response, 200, { items: [item(201), item(409)] }));
    const line = {
      line: "out of memory",
      level: "FATAL",
      agent: "web-1",
      source: "app",
      weight: 2,
    };
    const window = sampleWindow("orders", 0, 1, { id: "0bad", json: JSON.stringify(line) });
    expect(await write([window, window])).toMatchObject({ failures: [], supersededCount: 1 });
    const [lines = []] = bulkLines();
    expect(lines.slice(0, 2)).toEqual([
      {
        index: {
          ...{ _index: "logs-tailrace.lines-2026.11", _id: "0bad", version: 1 },
          version_type: "external",
        },
      },
      {
        "@timestamp": "2026-11-20T10:00:00.000Z",
        message: "out of memory",
        log: { level: "FATAL" },
        service: { name: "orders" },
        agent: { name: "web-1", type: "tailrace" },
        event: { kind: "event", dataset: "tailrace.lines", id: "0bad" },
        tailrace: { stream: "application-logs", source: "app", weight: 2 },
      },
    ]);
  });

  it("shows alerts with their rule", async () => {
    const alert = sampleAlert("a1", "orders", 0);
    onBulk((response) => answer(response, 200, { items: [item(201)] }));
    await write([alert]);
    expect(bulkLines()[0]?.[1]).toEqual({
      "@timestamp": "2026-11-20T10:00:00.000Z",
      event: { kind: "alert", dataset: "tailrace.alerts" },
      ...JSON.parse(alert.json),
      service: { name: "orders" },
      rule: { name: "service-degradation" },
    });
  });

  it.each([
    [{ username: "me" }, "username"],
    [{ url: "http://me:secret@127.0.0.1:9200" }, "url"],
    [{ index_prefix: "Big" }, "index_prefix"],
  ])("is refused with %j", (settings, path) => {
    const parsed = kind.schema.safeParse({
      name: "search",
      type: "elasticsearch",
      url: "http://127.0.0.1:9200",
      ...settings,
    });
    expect(parsed.error?.issues.map((issue) => issue.path[0])).toEqual([path]);
  });
});
