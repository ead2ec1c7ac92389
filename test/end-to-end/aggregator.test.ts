import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import type { Batch, SealedRecord } from "../../shared/protocol/batch.ts";
import { DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { sealRecord } from "../../shared/protocol/sealed-record.ts";
import {
  EPOCH,
  MINUTE,
  sampleAggregate,
  sampleBatch,
  sampleChain,
  sampleEnvelope,
} from "../unit/aggregator/receive/sample-batches.ts";
import { type JsonAnswer, RunningAggregator } from "./running-aggregator.ts";

let aggregator: RunningAggregator;
beforeEach(async () => {
  aggregator = await RunningAggregator.start((folder) => ({
    sinks: [
      { name: "out", type: "file", path: join(folder, "windows.ndjson"), flush_interval: "50ms" },
    ],
  }));
});
afterEach(() => aggregator.remove());

const iso = (minute: number) => new Date(minute * 60_000).toISOString();

function windowsOf(answer: JsonAnswer): Record<string, unknown>[] {
  const list: unknown =
    typeof answer.body === "object" && answer.body !== null
      ? Reflect.get(answer.body, "windows")
      : undefined;
  if (!Array.isArray(list)) throw new Error(answer.text);
  return list;
}

/** A window's service and time of day. */
function placeOf(window: Record<string, unknown>): string {
  return `${String(window["service"])} ${String(window["windowStart"]).slice(11, 16)}`;
}

/** The chain of batches with these deltas: service and minute after {@link MINUTE}. */
function chainOf(batches: readonly (readonly (readonly [string, number])[])[]): SealedRecord[] {
  const records: SealedRecord[] = [];
  for (const deltas of batches) {
    const changes: Partial<Batch> = {
      previousDigest: records.at(-1)?.digest ?? DIGEST_NONE,
      deltas: deltas.map(([service, offset]) => ({
        stream: "application-logs",
        service,
        minute: MINUTE + offset,
        aggregate: sampleAggregate(2),
      })),
    };
    records.push(sealRecord(sampleBatch(records.length + 1, changes)));
  }
  return records;
}

describe("an aggregator", () => {
  it("has what it acknowledged as applied in the next read", async () => {
    expect((await aggregator.hello()).body).toEqual({
      logId: aggregator.logId,
      known: false,
      checkpoints: [],
      ledger: [],
    });
    const records = sampleChain(2);
    const answer = await aggregator.send(sampleEnvelope(records, { logId: aggregator.logId }));
    expect(answer.body).toEqual({
      accepted: 2,
      applied: 2,
      appliedDigest: records[1]?.digest,
      outcomes: [
        { sequence: 1, outcome: "applied" },
        { sequence: 2, outcome: "applied" },
      ],
      throttleMs: 0,
      logId: aggregator.logId,
    });
    const windows = await aggregator.get("/v1/windows");
    expect(windows.text).toBe(
      '{"windows":[{"stream":"application-logs","service":"orders",' +
        '"windowStart":"2026-11-20T10:00:00.000Z","windowEnd":"2026-11-20T10:01:00.000Z",' +
        '"requestCount":6,"errorCount":2,"errorRate":0.3333333333333333,"avgLatency":16.666666666666668,' +
        '"latency":{"min":10,"p50":10.086,"p95":30,"p99":30,"max":30},' +
        '"levels":{"INFO":4,"ERROR":2},"dimensions":{},"state":"provisional","revision":1,' +
        '"contributors":[{"agent":"web-1","requestCount":6,"errorCount":2}]}]}',
    );
  });

  it("counts what is sent again once, also after a restart", async () => {
    await aggregator.hello();
    const records = sampleChain(3);
    await aggregator.send(sampleEnvelope(records.slice(0, 2)));
    const again = await aggregator.send(sampleEnvelope(records));
    expect(again.body).toMatchObject({
      applied: 3,
      outcomes: [{ outcome: "duplicate" }, { outcome: "duplicate" }, { outcome: "applied" }],
    });
    await aggregator.restart();
    await aggregator.hello();
    expect((await aggregator.send(sampleEnvelope(records))).body).toMatchObject({
      applied: 3,
      outcomes: [{ outcome: "duplicate" }, { outcome: "duplicate" }, { outcome: "duplicate" }],
    });
    expect(windowsOf(await aggregator.get("/v1/windows"))).toMatchObject([{ requestCount: 9 }]);
  });

  it("answers a hello of a new epoch with what it holds, the same one again the same", async () => {
    await aggregator.hello();
    const checkpoint = {
      source: "app",
      file: 1,
      path: "/var/log/a.log",
      device: "1",
      inode: "2",
      birthMs: undefined,
      modifiedMs: undefined,
      fingerprintBytes: 4,
      fingerprint: "abcdef01",
      generation: 0,
      offset: 90,
      from: 0,
      guardBytes: 10,
      guard: 7,
      held: [{ from: 80, to: 90 }],
      unterminated: false,
      complete: false,
      removed: false,
    };
    const record = sealRecord(sampleBatch(1, { checkpoints: [checkpoint] }));
    await aggregator.send(sampleEnvelope([record]));
    const epoch = "c".repeat(32);
    const first = await aggregator.hello({ epoch });
    expect(first.body).toMatchObject({
      known: true,
      mark: { epoch: EPOCH, sequence: 1, digest: record.digest },
      checkpoints: [{ path: "/var/log/a.log", offset: 90, from: 90, held: [{ from: 80, to: 90 }] }],
      ledger: [{ source: "app", kind: "aggregated", lines: 3, bytes: 90 }],
    });
    expect((await aggregator.hello({ epoch })).body).toEqual(first.body);
  });

  it("serves ranges, services, steps and pages", async () => {
    await aggregator.hello();
    const minutes = [0, 1, 2, 3, 5, 6];
    await aggregator.send(
      sampleEnvelope(
        chainOf(
          minutes.map((minute) => [
            ["b", minute],
            ["a", minute],
          ]),
        ),
      ),
    );
    const placed = async (query: string) =>
      windowsOf(await aggregator.get(`/v1/windows?${query}`)).map(placeOf);
    expect(await placed(`from=${iso(MINUTE + 2)}&to=${iso(MINUTE + 5)}`)).toEqual([
      "a 10:02",
      "b 10:02",
      "a 10:03",
      "b 10:03",
    ]);
    expect(await placed(`service=b&from=${iso(MINUTE + 3)}`)).toEqual([
      "b 10:03",
      "b 10:05",
      "b 10:06",
    ]);
    expect(await placed("service=nobody")).toEqual([]);
    expect(await placed("stream=other")).toEqual([]);
    const rolled = windowsOf(await aggregator.get("/v1/windows?service=a&step=5m"));
    expect(rolled).toMatchObject([
      { windowStart: iso(MINUTE), windowEnd: iso(MINUTE + 5), requestCount: 12, revision: 4 },
      { windowStart: iso(MINUTE + 5), windowEnd: iso(MINUTE + 10), requestCount: 6 },
    ]);
    const all = await placed("");
    const paged: string[] = [];
    let query = "limit=5";
    for (;;) {
      const answer = await aggregator.get(`/v1/windows?${query}`);
      const windows = windowsOf(answer);
      paged.push(...windows.map(placeOf));
      const next: unknown = JSON.parse(answer.text).next;
      if (typeof next !== "string") break;
      expect(windows).toHaveLength(5);
      query = `limit=5&next=${encodeURIComponent(next)}`;
    }
    expect(paged).toEqual(all);
    expect(all).toHaveLength(12);
  });

  it("shows its agents and its own metrics", async () => {
    await aggregator.hello();
    await aggregator.send(sampleEnvelope(sampleChain(2)));
    expect((await aggregator.get("/v1/agents")).body).toMatchObject({
      agents: [
        {
          agent: "web-1",
          machine: "machine-1",
          epoch: EPOCH,
          mark: { sequence: 2 },
          records: { applied: 2, duplicate: 0 },
          lineCount: 6,
          sources: [{ source: "app", state: "live", eventTimeMax: "2026-11-20T10:00:02.000Z" }],
          ledger: [{ source: "app", kind: "aggregated", reason: "", lines: 6, bytes: 180 }],
        },
      ],
    });
    expect((await aggregator.get("/v1/agents?agent=nobody")).body).toEqual({ agents: [] });
    expect((await aggregator.get("/v1/agents?name=x")).status).toBe(400);
    const lines = (await aggregator.get("/metrics")).text.split("\n");
    expect(lines).toContain("tailrace_lines_merged_total 6");
    expect(lines).toContain('tailrace_receive_records_total{outcome="applied"} 2');
    expect(lines).toContain("tailrace_ready 1");
  });

  it("delivers to its sinks, what waited at the stop included, and nothing twice over a restart", async () => {
    await aggregator.hello();
    const records = chainOf([[["a", 0]], [["b", 0]], [["a", 0]]]);
    await aggregator.send(sampleEnvelope(records.slice(0, 2)));
    const file = join(aggregator.folder, "windows.ndjson");
    // The sink makes its file when it opens, which nobody waits for.
    const text = () => readFile(file, "utf8").catch(() => "");
    const delivered = async () =>
      (await text())
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line))
        .map(({ service, requestCount, revision }) => `${service} ${requestCount} r${revision}`);
    while ((await delivered()).length < 2) await realPlatform.timers.sleep(10);
    await aggregator.restart();
    await aggregator.hello();
    await aggregator.send(sampleEnvelope(records.slice(2)));
    await aggregator.stop();
    expect(await delivered()).toEqual(["a 3 r1", "b 3 r1", "a 6 r2"]);
    await aggregator.restart();
  });
});
