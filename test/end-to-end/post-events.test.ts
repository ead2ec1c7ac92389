import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RunningAggregator } from "./running-aggregator.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const TEN_MS = Date.parse("2026-11-20T10:00:00Z");

let aggregator: RunningAggregator;

beforeEach(async () => {
  aggregator = await RunningAggregator.start();
});
afterEach(() => aggregator.remove());

const line = (fields: Readonly<Record<string, unknown>> = {}) =>
  JSON.stringify({ timestamp: TEN_MS, service: "orders", level: "INFO", duration: 5, ...fields });

function post(text: string, headers: Readonly<Record<string, string>> = {}, query = "") {
  return aggregator.postTo(`/v1/events${query}`, { ...NDJSON, ...headers }, Buffer.from(text));
}

async function windows(query = ""): Promise<unknown> {
  const { body } = await aggregator.get(`/v1/windows${query}`);
  return typeof body === "object" && body !== null ? Reflect.get(body, "windows") : undefined;
}

describe("POST /v1/events", () => {
  it("counts lines as an agent would, and tells which are none", async () => {
    const text = [line(), "no", line({ level: "error" }), "", '{"service":"a"}', line()].join("\n");
    const answer = await post(text);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        ...{ state: "applied", accepted: 3, rejected: 2 },
        errors: [
          { line: 2, reason: "not_json" },
          { line: 5, reason: "no_time" },
        ],
      },
    ]);
    expect(await windows()).toMatchObject([
      { service: "orders", requestCount: 3, errorCount: 1, avgLatency: 5 },
    ]);
    const sources = await aggregator.get("/v1/sources");
    expect(sources.body).toMatchObject({ sources: [{ source: "http", recordCount: 3 }] });
    expect(sources.text).toContain('{"kind":"rejected","reason":"not_json","lines":1,"bytes":2}');
  });

  it("keeps some of those that are none, for who tends dead letters", async () => {
    await post(["no", line(), '{"service":"a"}', ...Array(200).fill("x")].join("\n"));
    const { body }: { body: any } = await aggregator.get("/v1/dead-letters?source=http&limit=1000");
    expect(body.deadLetters).toHaveLength(100);
    expect(body.deadLetters.slice(0, 2)).toMatchObject([
      { id: "@http#0", reason: "not_json", text: "no", stream: "application-logs" },
      { id: "@http#1", reason: "no_time", text: '{"service":"a"}', position: 2 },
    ]);
    const ask = async (verb: string, selection: object) => {
      const headers = { "content-type": "application/json" };
      const asked = Buffer.from(JSON.stringify(selection));
      return (await aggregator.postTo(`/v1/dead-letters/${verb}`, headers, asked)).body;
    };
    // They are no events now either.
    expect(await ask("replay", { ids: ["@http#0", "@http#1"] })).toMatchObject({ refused: 2 });
    expect(await ask("drop", { ids: ["@http#0"] })).toEqual({ dropped: 1, failures: [] });
    expect(await ask("drop", { source: "http" })).toEqual({ dropped: 99, failures: [] });
    await aggregator.restart();
    const after = await aggregator.get("/v1/dead-letters?source=http");
    expect(after.body).toEqual({ deadLetters: [] });
  });

  it("counts a request with a key once, also after a restart, and refuses the key for another", async () => {
    const key = { "idempotency-key": "batch-7" };
    expect((await post(line(), key)).body).toMatchObject({ state: "applied", accepted: 1 });
    expect((await post(line(), key)).body).toMatchObject({ state: "duplicate", accepted: 1 });
    await aggregator.restart();
    expect((await post(line(), key)).body).toMatchObject({ state: "duplicate" });
    const other = await post(line({ level: "WARN" }), key);
    expect([other.status, other.body]).toMatchObject([422, { code: "key_reused" }]);
    expect(await windows()).toMatchObject([{ requestCount: 1 }]);
    await post(line());
    await post(line());
    expect(await windows()).toMatchObject([{ requestCount: 3 }]);
  });

  it("takes a stream and a service from the address, and gzip", async () => {
    const packed = gzipSync(`{"timestamp":${TEN_MS}}\n`);
    const headers = { ...NDJSON, "content-encoding": "gzip" };
    const path = "/v1/events?stream=system-metrics&service=cpu";
    expect((await aggregator.postTo(path, headers, packed)).status).toBe(200);
    expect(await windows("?stream=system-metrics")).toMatchObject([{ service: "cpu" }]);
  });

  it("refuses what it cannot take, and counts nothing of it", async () => {
    const bomb = gzipSync(Buffer.alloc(17 * 1024 * 1024, 0x20));
    const gzip = { ...NDJSON, "content-encoding": "gzip" };
    const refusals = [
      await post(line(), { "content-type": "text/html" }),
      await post(line(), { "content-encoding": "br" }),
      await aggregator.postTo("/v1/events", gzip, Buffer.from("no gzip")),
      await aggregator.postTo("/v1/events", gzip, bomb),
      await post("\n".repeat(50_001)),
      await post(line(), { "idempotency-key": "a b" }),
      await post(line(), {}, "?strem=a"),
      await post(line(), {}, "?stream="),
    ];
    expect(refusals.map(({ status }) => status)).toEqual([415, 415, 400, 413, 413, 400, 400, 400]);
    expect(await windows()).toEqual([]);
  });
});

describe("POST /v1/logs", () => {
  const request = (records: readonly unknown[]) => ({
    resourceLogs: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeLogs: [{ logRecords: records }],
      },
    ],
  });
  const record = {
    timeUnixNano: `${TEN_MS}000000`,
    severityNumber: 17,
    attributes: [{ key: "duration_ms", value: { doubleValue: 2.5 } }],
  };
  const json = { "content-type": "application/json" };

  it("counts records of OpenTelemetry, and says how many it did not take", async () => {
    const good = Buffer.from(JSON.stringify(request([record, record])));
    const answer = await aggregator.postTo("/v1/logs", json, good);
    expect([answer.status, answer.body]).toEqual([200, {}]);
    const mixed = gzipSync(JSON.stringify(request([record, { severityNumber: 9 }])));
    const packed = { ...json, "content-encoding": "gzip" };
    expect((await aggregator.postTo("/v1/logs", packed, mixed)).body).toEqual({
      partialSuccess: { rejectedLogRecords: "1", errorMessage: "record 2: no_time" },
    });
    const letters = await aggregator.get("/v1/dead-letters?source=otlp");
    expect(letters.body).toMatchObject({ deadLetters: [{ id: "@otlp#0", reason: "no_time" }] });
    expect(await windows()).toMatchObject([
      { service: "shop", requestCount: 3, errorCount: 3, avgLatency: 2.5 },
    ]);
  });

  it("answers protobuf in protobuf, and refuses what is none", async () => {
    const headers = { "content-type": "application/x-protobuf" };
    const empty = await aggregator.postTo("/v1/logs", headers, Buffer.alloc(0));
    expect([empty.status, empty.headers["content-type"], empty.text]).toEqual([
      ...[200, "application/x-protobuf", ""],
    ]);
    const torn = await aggregator.postTo("/v1/logs", headers, Buffer.from([0x0a, 0x05, 0x01]));
    expect([torn.status, torn.body]).toMatchObject([400, { code: "unreadable_body" }]);
    expect((await aggregator.postTo("/v1/logs", NDJSON, Buffer.alloc(0))).status).toBe(415);
  });
});
