import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AlertResult, Result, Sink } from "../../../../aggregator/sinks/sink.ts";
import { sink as kind } from "../../../../aggregator/sinks/webhook.ts";
import type { Logger } from "../../../../shared/log.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";
import { sampleAlert, sampleWindow } from "./sample-results.ts";
import { answer, ScriptedStore } from "./scripted-store.ts";

const quiet: Logger = { error() {}, warn() {}, info() {}, debug() {} };

let store: ScriptedStore;

beforeEach(async () => {
  store = await ScriptedStore.start();
});
afterEach(() => store.close());

function open(settings: Readonly<Record<string, unknown>> = {}): Promise<Sink> {
  const base = { name: "hook", type: "webhook", url: `${store.url}/hook?key=secret` };
  const parts = { name: "hook", platform: realPlatform, logger: quiet, position: undefined };
  return kind.schema.parse({ ...base, ...settings }).open({ ...parts, results: "alerts" });
}

function write(sink: Sink, results: readonly Result[]) {
  return sink.write(results, { signal: new AbortController().signal, watermarkMs: undefined });
}

const alerts = Array.from({ length: 20 }, (_, index) => sampleAlert(`a/${index}`, "orders", index));

describe("the webhook sink", () => {
  it("posts each result once, with its id and revision in headers", async () => {
    const report = await write(await open({ headers: { authorization: "Bearer x" } }), alerts);
    expect(report).toEqual({ failures: [], ignoredCount: 0, retryAfterMs: undefined });
    const byId = new Map(
      store.requests.map((request) => [request.headers["tailrace-id"], request]),
    );
    expect([...byId.keys()].toSorted()).toEqual(alerts.map(({ id }) => id).toSorted());
    expect(store.requests).toHaveLength(alerts.length);
    expect(byId.get("a/3")).toMatchObject({
      method: "POST",
      path: "/hook?key=secret",
      headers: {
        authorization: "Bearer x",
        "content-type": "application/json",
        "tailrace-revision": "1",
      },
    });
    expect(byId.get("a/3")?.body.toString()).toBe(alerts[3]?.json);
  });

  it.each([400, 401, 404, 410, 422])(
    "gives a result up that is answered %d, and goes on",
    async (status) => {
      store.script = (request, response) =>
        answer(response, request.headers["tailrace-id"] === "a/1" ? status : 200, { why: "no" });
      const report = await write(await open(), alerts.slice(0, 6));
      expect(report.failures).toEqual([
        { index: 1, reason: `${status} {"why":"no"}`, isRetryable: false },
      ]);
      expect(store.requests).toHaveLength(6);
    },
  );

  it.each([302, 408, 425, 429, 500, 503])(
    "leaves a receiver alone that answers %d, for as long as it asks",
    async (status) => {
      store.script = (_request, response) => answer(response, status, {}, { "retry-after": "9" });
      const report = await write(await open(), alerts);
      expect(report.retryAfterMs).toBe(9_000);
      expect(report.failures.map(({ index }) => index).toSorted((a, b) => a - b)).toEqual(
        alerts.map((_, index) => index),
      );
      expect(report.failures.every(({ isRetryable }) => isRetryable)).toBe(true);
      expect(store.requests.length).toBeLessThanOrEqual(4);
    },
  );

  it("names only those as failed that did not arrive, and no secret, when the receiver goes away", async () => {
    store.script = (_request, response) =>
      store.requests.length <= 8 ? answer(response, 200, {}) : response.destroy();
    const report = await write(await open(), alerts);
    expect(report.failures).toHaveLength(12);
    expect(report.failures.every(({ isRetryable }) => isRetryable)).toBe(true);
    expect(report.failures[0]?.reason).toContain("127.0.0.1");
    expect(report.failures[0]?.reason).not.toContain("secret");
  });

  it("posts windows when they are final, or all of them if told so", async () => {
    const early = sampleWindow("early", 0, 1);
    const provisional = { ...early, json: early.json.replace("final", "provisional") };
    const windows = [provisional, sampleWindow("orders", 0, 2)];
    expect(await write(await open(), windows)).toMatchObject({ ignoredCount: 1 });
    expect(store.requests).toHaveLength(1);
    expect(await write(await open({ provisional: true }), windows)).toMatchObject({
      ignoredCount: 0,
    });
    expect(store.requests).toHaveLength(3);
  });

  it("writes messages that Slack shows", async () => {
    const sink = await open({ format: "slack" });
    await write(sink, [sampleAlert("a", "<orders> & co", 0)]);
    await write(sink, [sampleWindow("orders", 0, 1)]);
    const [alert, window] = store.requests.map(({ body }) => JSON.parse(body.toString()).text);
    expect(alert).toBe(
      "*warning* &lt;orders&gt; &amp; co: &lt;orders&gt; &amp; co answers slowly (service-degradation, 2026-11-20T10:00:00.000Z)",
    );
    expect(window).toMatch(/^\*orders\*: 2 requests, 1 errors \(50\.00 %\), p99 [\d.]+ ms, /);
  });

  it("takes alerts, smaller batches and shorter waits unless told otherwise", () => {
    const parsed = kind.schema.parse({ name: "hook", type: "webhook", url: "http://127.0.0.1/" });
    expect(parsed).toMatchObject({ results: ["alerts"], batchCount: 50, flushIntervalMs: 3_000 });
  });

  it("posts the revisions of an alert one after the other, and none that is silenced", async () => {
    const revisions = [1, 2, 3].map((revision) => ({ ...sampleAlert("a", "orders", 0), revision }));
    const silent = { ...sampleAlert("b", "orders", 0), isSuppressed: true };
    let underWay = 0;
    let most = 0;
    store.script = (_request, response) => {
      most = Math.max(most, ++underWay);
      setTimeout(() => {
        underWay--;
        answer(response, 200, {});
      }, 5);
    };
    const report = await write(await open(), [...revisions, silent]);
    expect(report).toMatchObject({ failures: [], ignoredCount: 1 });
    expect(store.requests.map(({ headers }) => headers["tailrace-revision"])).toEqual([
      "1",
      "2",
      "3",
    ]);
    expect(most).toBe(1);
    await write(await open({ suppressed: true }), [silent]);
    expect(store.requests).toHaveLength(4);
  });

  describe("that groups", () => {
    const of = (id: string, rule: string, changes: Partial<AlertResult> = {}) => {
      const sample = sampleAlert(id, `service-${id}`, 0);
      const shown = JSON.parse(sample.json);
      const json = JSON.stringify({
        ...shown,
        details: { ...shown.details, rule },
        startsAt: "2026-11-20T09:58:00Z",
      });
      return { ...sample, rule, json, ...changes };
    };
    const bodies = () => store.requests.map(({ body }) => JSON.parse(body.toString()));

    it("posts one message for each group, in the form of Alertmanager's webhook", async () => {
      const sink = await open({ group_by: ["alertname"] });
      await write(sink, [of("a", "slow"), of("b", "errors"), of("c", "slow")]);
      const [slow, errors] = bodies();
      expect(bodies()).toHaveLength(2);
      expect(slow).toMatchObject({
        ...{ version: "4", status: "firing", receiver: "hook" },
        groupLabels: { alertname: "slow" },
        commonLabels: { alertname: "slow", severity: "warning" },
        alerts: [
          { status: "firing", fingerprint: "a", labels: { service: "service-a" } },
          { status: "firing", fingerprint: "c", endsAt: "0001-01-01T00:00:00Z" },
        ],
      });
      expect(slow.commonLabels.service).toBeUndefined();
      expect(errors.alerts).toHaveLength(1);
    });

    it("says of each alert what is so now, and nothing of what is silenced", async () => {
      const sink = await open({ group_by: [] });
      const over = { revision: 2, state: "resolved" } as const;
      await write(sink, [
        of("a", "slow"),
        of("b", "slow", { isSuppressed: true }),
        of("a", "slow", over),
      ]);
      expect(bodies()).toMatchObject([{ status: "resolved", alerts: [{ fingerprint: "a" }] }]);
      expect(bodies()[0].alerts).toHaveLength(1);
    });

    it("tries a whole group again, and leaves a receiver alone that asks for it", async () => {
      store.script = (_request, response) => answer(response, 503, {}, { "retry-after": "9" });
      const sink = await open({ group_by: ["alertname"] });
      const report = await write(sink, [of("a", "slow"), of("b", "errors"), of("c", "slow")]);
      expect(report.failures.map(({ index }) => index).toSorted()).toEqual([0, 1, 2]);
      expect(report.failures.every(({ isRetryable }) => isRetryable)).toBe(true);
      expect([report.retryAfterMs, store.requests.length]).toEqual([9_000, 1]);
    });

    it("is one text for Slack", async () => {
      await write(await open({ group_by: [], format: "slack" }), [
        of("a", "slow"),
        of("b", "slow"),
      ]);
      expect(bodies()).toHaveLength(1);
      expect(bodies()[0].text).toMatch(/service-a.*\n\n.*service-b/s);
    });
  });
});
