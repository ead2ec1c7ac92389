import { afterEach, expect, it } from "vitest";
import { answerTelemetry } from "../../../../agent/telemetry/answer-telemetry.ts";
import { Telemetry } from "../../../../agent/telemetry/telemetry.ts";
import { telemetryConfig } from "../../../../agent/telemetry/telemetry-config.ts";
import { TailraceError } from "../../../../shared/errors.ts";
import type { HttpCall, HttpResponse, Network } from "../../../../shared/platform/network.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { sampleStatus } from "./sample-status.ts";

let messages: string[] = [];
let opened: Telemetry | undefined;
afterEach(async () => {
  await opened?.close();
  opened = undefined;
  messages = [];
});

const note = (message: string) => void messages.push(message);
const logger = { error: note, warn: note, info: note, debug: note };
const host = { status: () => sampleStatus, stall: undefined };
const answerOf = (status: number): HttpResponse => ({ status, headers: {}, body: Buffer.alloc(0) });

async function open(config: unknown, network: Network): Promise<void> {
  const { clock } = realPlatform;
  // Nobody waits a minute here.
  const timers = {
    sleep: (_delayMs: number, signal?: AbortSignal) => realPlatform.timers.sleep(1, signal),
  };
  opened = await Telemetry.open({
    platform: { clock, timers, network },
    config: telemetryConfig.parse(config),
    ...{ host, hostname: "web-1.example", logger },
  });
}

async function until(condition: () => boolean): Promise<void> {
  for (let step = 0; step < 2_000 && !condition(); step++) await realPlatform.timers.sleep(1);
  expect(condition(), JSON.stringify(messages)).toBe(true);
}

it("sends to the collector, and says once that it does not take metrics and once that it does again", async () => {
  const calls: HttpCall[] = [];
  let status = 200;
  const network: Network = {
    call: async (call) => {
      calls.push(call);
      if (status === 0) throw new TailraceError("NETWORK_FAILED", "connection refused");
      return answerOf(status);
    },
    listen: () => Promise.reject(new Error("nothing listens")),
  };
  const otlp = { endpoint: "http://collector:4318/", headers: { authorization: "Bearer t" } };
  await open({ otlp }, network);
  await until(() => calls.length >= 2);
  expect(calls[0]).toMatchObject({
    url: "http://collector:4318/v1/metrics",
    method: "POST",
    headers: { authorization: "Bearer t", "content-type": "application/json" },
  });
  expect(messages).toEqual([]);
  status = 0;
  const failedAt = calls.length;
  await until(() => calls.length >= failedAt + 3);
  expect(messages).toEqual(["the collector does not take metrics"]);
  status = 200;
  await until(() => messages.length > 1);
  expect(messages[1]).toBe("the collector takes metrics again");
});

it("does without an address that cannot be listened on, and says so", async () => {
  const network: Network = {
    call: () => Promise.reject(new Error("nothing is called")),
    listen: () => Promise.reject(new TailraceError("LISTEN_FAILED", "the port is in use")),
  };
  await open({ listen: "127.0.0.1:7401" }, network);
  expect(messages).toEqual(["metrics are not served; the agent goes on without"]);
});

it("answers that it is not ready, and why, while the agent makes no progress", () => {
  const request = { method: "GET", headers: {}, body: Buffer.alloc(0), remoteAddress: "127.0.0.1" };
  const stalled = { ...host, stall: "the disk queue is full" };
  const readiness = answerTelemetry(stalled, { ...request, path: "/readyz" });
  expect(readiness?.status).toBe(503);
  expect(readiness?.body.toString()).toContain("the disk queue is full");
  expect(answerTelemetry(stalled, { ...request, path: "/healthz" })?.status).toBe(200);
  const metrics = answerTelemetry(stalled, { ...request, path: "/metrics" })?.body.toString();
  expect(metrics).toContain("\ntailrace_agent_ready 0\n");
  expect(answerTelemetry(host, { ...request, path: "/readyz" })?.status).toBe(200);
  expect(answerTelemetry(host, { ...request, path: "/readyz", method: "POST" })?.status).toBe(405);
  expect(answerTelemetry(host, { ...request, path: "/v1/status" })).toBeUndefined();
});
