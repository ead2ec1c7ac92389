import { createClient, type RedisClientType } from "redis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../aggregator/sinks/redis.ts";
import type { Sink, WindowResult } from "../../aggregator/sinks/sink.ts";
import type { Logger } from "../../shared/log.ts";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { RealServer } from "./real-server.ts";
import { redis } from "./server-plans.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const START_MS = Date.parse("2026-11-20T10:00:00Z");
const MINUTES_MS = 5 * 60_000;

let server: RealServer;
let client: RedisClientType;
let sink: Sink;

beforeAll(async () => {
  server = await RealServer.start(redis);
});
afterAll(() => server.remove());
beforeEach(async () => {
  client = createClient({ url: server.url });
  await client.connect();
  await client.flushAll();
  sink = await open();
});
afterEach(async () => {
  await sink.close();
  if (client.isOpen) client.destroy();
});

function open(): Promise<Sink> {
  const settings = {
    name: "hot",
    type: "redis",
    url: server.url,
    retention: "1h",
    connect_timeout: "1s",
  };
  const configured = kind.schema.parse(settings);
  const context = { name: "hot", platform: realPlatform, logger: quiet, position: undefined };
  return configured.open({ ...context, results: "windows" });
}

function result(service: string, index: number, revision: number): WindowResult {
  const windowStartMs = START_MS + index * MINUTES_MS;
  const windowEndMs = windowStartMs + MINUTES_MS;
  const json = JSON.stringify({ service, avgLatency: null, state: "final", revision });
  const stream = "application-logs";
  const id = `${service}/${index}`;
  return { id, tenant: "", stream, service, windowStartMs, windowEndMs, revision, json };
}

function write(results: readonly WindowResult[], watermarkMs = START_MS) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs });
}

async function revisionOf(field: string): Promise<unknown> {
  const text = await client.hGet("service_metrics", field);
  const value: unknown = JSON.parse(text ?? "null");
  return typeof value === "object" && value !== null ? Reflect.get(value, "revision") : undefined;
}

describe("the redis sink", () => {
  it("keeps each window under its service and end", async () => {
    const written = result("orders", 0, 1);
    expect(await write([written, result("a:b", 1, 1)])).toEqual({ failures: [], ignoredCount: 0 });
    expect(await client.hGetAll("service_metrics")).toEqual({
      "orders:2026-11-20T10:05:00.000Z": written.json,
      "a:b:2026-11-20T10:10:00.000Z": result("a:b", 1, 1).json,
    });
  });

  it("lets no older revision win, and a repeated one change nothing", async () => {
    const field = "orders:2026-11-20T10:05:00.000Z";
    await write([result("orders", 0, 7)]);
    await write([result("orders", 0, 6)]);
    expect(await revisionOf(field)).toBe(7);
    await write([result("orders", 0, 7)]);
    expect(await revisionOf(field)).toBe(7);
    await write([result("orders", 0, 8)]);
    expect(await revisionOf(field)).toBe(8);
    expect(await client.hLen("service_metrics")).toBe(1);
  });

  it("replaces a field that is not its own", async () => {
    await client.hSet("service_metrics", "orders:2026-11-20T10:05:00.000Z", "not JSON");
    await write([result("orders", 0, 1)]);
    expect(await revisionOf("orders:2026-11-20T10:05:00.000Z")).toBe(1);
  });

  it("drops what the watermark has left behind for longer than the retention", async () => {
    await write([result("orders", 0, 1), result("orders", 1, 1)]);
    const firstEndMs = START_MS + MINUTES_MS;
    await write([result("orders", 2, 1)], firstEndMs + 3_600_000);
    expect(Object.keys(await client.hGetAll("service_metrics")).toSorted()).toEqual([
      "orders:2026-11-20T10:10:00.000Z",
      "orders:2026-11-20T10:15:00.000Z",
    ]);
    await write([result("orders", 0, 9)], firstEndMs + 3_600_000);
    expect(await client.hExists("service_metrics", "orders:2026-11-20T10:05:00.000Z")).toBe(0);
    expect(await client.zCard("{service_metrics}:by_time")).toBe(2);
  });

  it("leaves windows of other streams out", async () => {
    const report = await write([{ ...result("orders", 0, 1), stream: "metrics" }]);
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    expect(await client.exists("service_metrics")).toBe(0);
  });

  it("fails while the server is away, and goes on when it is back", async () => {
    await write([result("orders", 0, 1)]);
    client.destroy();
    await server.end();
    await expect(write([result("orders", 0, 2)])).rejects.toMatchObject({ code: "SINK_FAILED" });
    await expect(write([result("orders", 0, 2)])).rejects.toMatchObject({ retry: "later" });
    await server.begin();
    await write([result("orders", 0, 2)]);
    client = createClient({ url: server.url });
    await client.connect();
    expect(await revisionOf("orders:2026-11-20T10:05:00.000Z")).toBe(2);
  });

  it("stops waiting for a server that does not answer when the signal says so", async () => {
    await write([result("orders", 0, 1)]);
    server.pause(true);
    const stop = new AbortController();
    const writing = sink.write([result("orders", 0, 2)], {
      signal: stop.signal,
      watermarkMs: undefined,
    });
    stop.abort();
    await expect(writing).rejects.toMatchObject({ code: "SINK_FAILED" });
    server.pause(false);
    await write([result("orders", 0, 3)]);
    expect(await revisionOf("orders:2026-11-20T10:05:00.000Z")).toBe(3);
  });

  it("SNK-05 refuses a write while memory is full, to be tried again", async () => {
    await client.configSet("maxmemory", "1");
    await expect(write([result("orders", 0, 1)])).rejects.toMatchObject({ retry: "later" });
    await client.configSet("maxmemory", "0");
    await write([result("orders", 0, 1)]);
    expect(await revisionOf("orders:2026-11-20T10:05:00.000Z")).toBe(1);
  });

  it("SNK-05 refuses a write to a replica, and goes on when that is made the primary", async () => {
    await write([result("orders", 0, 1)]);
    await client.sendCommand(["REPLICAOF", "127.0.0.1", "1"]);
    await expect(write([result("orders", 0, 2)])).rejects.toThrow("READONLY");
    await client.sendCommand(["REPLICAOF", "NO", "ONE"]);
    expect(await write([result("orders", 0, 2)])).not.toHaveProperty("lostMs", 60_000);
    expect(await revisionOf("orders:2026-11-20T10:05:00.000Z")).toBe(2);
  });

  it("SNK-05 says that the last minute may be lost when another server answers than before", async () => {
    await write([result("orders", 0, 1)]);
    client.destroy();
    await server.end();
    await server.begin();
    // Perhaps the broken connection is only noticed by writing.
    const report = await write([result("orders", 1, 1)]).catch(() =>
      write([result("orders", 1, 1)]),
    );
    expect(report).toMatchObject({ lostMs: 60_000 });
    expect(await write([result("orders", 1, 2)])).toMatchObject({ lostMs: undefined });
    client = createClient({ url: server.url });
    await client.connect();
  });
});
