import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sink as kind } from "../../../../aggregator/sinks/alertmanager.ts";
import type { AlertResult, Sink } from "../../../../aggregator/sinks/sink.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { sampleAlert } from "./sample-results.ts";
import { answer, ScriptedStore } from "./scripted-store.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };
const NOW_MS = Date.UTC(2026, 10, 20, 12);

let store: ScriptedStore;

beforeEach(async () => {
  store = await ScriptedStore.start();
});
afterEach(() => store.close());

type Sleep = (typeof realPlatform)["timers"]["sleep"];

function open({
  firing = () => [],
  sleep = (ms, signal) => realPlatform.timers.sleep(ms, signal),
}: {
  readonly firing?: () => readonly AlertResult[];
  readonly sleep?: Sleep;
} = {}): Promise<Sink> {
  const platform = {
    ...realPlatform,
    clock: { ...realPlatform.clock, now: () => NOW_MS },
    timers: { ...realPlatform.timers, sleep },
  };
  const basis = { name: "am", platform, logger: quiet, position: undefined, firing };
  const configured = kind.schema.parse({ name: "am", type: "alertmanager", url: store.url });
  return configured.open({ ...basis, results: "alerts" });
}

function alert(id: string, changes: Partial<AlertResult>, shown: object = {}): AlertResult {
  const sample = sampleAlert(id, "orders", 0);
  const json = JSON.stringify({
    ...JSON.parse(sample.json),
    startsAt: "2026-11-20T09:58:00.000Z",
    labels: { team: "shop" },
    details: { rule: "errors", summary: "Too many.", link: "http://t/v1/windows?x=1" },
    ...shown,
  });
  return { ...sample, ...changes, json };
}

function write(sink: Sink, ...results: readonly AlertResult[]) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

describe("the alertmanager sink", () => {
  it("posts what fires with an end far ahead, and what is resolved with its own", async () => {
    const resolved = { state: "resolved", revision: 2 } as const;
    const end = { resolvedAt: "2026-11-20T10:05:00.000Z" };
    await write(await open(), alert("a", {}), alert("a", resolved, end));
    const [request] = store.requests;
    expect(request?.path).toBe("/api/v2/alerts");
    const basis = {
      labels: {
        alertname: "errors",
        alerttype: "SERVICE_DEGRADATION",
        severity: "warning",
        service: "orders",
        team: "shop",
      },
      annotations: { summary: "Too many.", description: "orders answers slowly", alert_id: "a" },
      startsAt: "2026-11-20T09:58:00.000Z",
      generatorURL: "http://t/v1/windows?x=1",
    };
    expect(JSON.parse(request?.body.toString() ?? "")).toEqual([
      { ...basis, endsAt: "2026-11-20T12:04:00.000Z" },
      { ...basis, endsAt: "2026-11-20T10:05:00.000Z" },
    ]);
  });

  it("gives a match, which nobody repeats, an end of its own", async () => {
    await write(await open(), alert("a", {}, { startsAt: undefined }));
    const [posted] = JSON.parse(store.requests[0]?.body.toString() ?? "");
    expect(posted.endsAt).toBe("2026-11-21T12:00:00.000Z");
  });

  it("sends again all that fires, long before Alertmanager would end it", async () => {
    const fired = [alert("a", {}), alert("b", { isSuppressed: true })];
    const rounds = Promise.withResolvers<void>();
    let roundCount = 0;
    const sleep = async (ms: number, signal: AbortSignal) => {
      expect(ms).toBe(60_000);
      if (++roundCount === 3) rounds.resolve();
      if (roundCount < 3) return;
      await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    };
    const sink = await open({ firing: () => fired, sleep });
    await rounds.promise;
    await sink.close();
    const posted = store.requests.map(({ body }) => JSON.parse(body.toString()));
    expect(posted).toHaveLength(2);
    expect(posted[1]).toMatchObject([
      { annotations: { alert_id: "a" }, endsAt: "2026-11-20T12:04:00.000Z" },
    ]);
  });

  it("gives up a repetition that is never answered when a write behind it runs out of time", async () => {
    const asked = Promise.withResolvers<void>();
    store.script = () => asked.resolve();
    let roundCount = 0;
    const sleep = async (_ms: number, signal: AbortSignal) => {
      if (++roundCount === 1) return;
      await new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    };
    const sink = await open({ firing: () => [alert("a", {})], sleep });
    await asked.promise;
    const limit = new AbortController();
    const context = { signal: limit.signal, watermarkMs: undefined };
    const written = sink.write([alert("b", {})], context);
    limit.abort();
    await expect(written).rejects.toThrow("No whole answer");
    store.script = (_request, response) => answer(response, 200, {});
    expect((await write(sink, alert("b", {}))).failures).toEqual([]);
    await sink.close();
  });

  it("sends nothing that is silenced", async () => {
    const report = await write(await open(), alert("a", { isSuppressed: true }));
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    expect(store.requests).toEqual([]);
  });

  it("says that it is over also of what was silenced meanwhile", async () => {
    const end = { resolvedAt: "2026-11-20T10:05:00.000Z" };
    const quiet = { isSuppressed: true, revision: 2 } as const;
    const [silenced, resolved] = [
      alert("a", quiet),
      alert("a", { ...quiet, state: "resolved" }, end),
    ];
    const report = await write(await open(), silenced, resolved);
    expect(report).toEqual({ failures: [], ignoredCount: 1 });
    const [request] = store.requests;
    expect(JSON.parse(request?.body.toString() ?? "")).toMatchObject([
      { endsAt: "2026-11-20T10:05:00.000Z" },
    ]);
  });

  it("gives up only what is refused by itself, and comes again otherwise", async () => {
    store.script = ({ body }, response) =>
      answer(response, body.includes('"bad"') ? 400 : 200, { why: "no" });
    const report = await write(
      await open(),
      alert("good", {}),
      alert("bad", {}),
      alert("fine", {}),
    );
    expect(report.failures).toEqual([{ index: 1, reason: '400 {"why":"no"}', isRetryable: false }]);
    store.script = (_request, response) => answer(response, 503, {});
    const later = await write(await open(), alert("good", {}));
    expect(later.failures).toMatchObject([{ index: 0, isRetryable: true }]);
  });
});
