/** Alerts that rules raise over shipped events arrive in Elasticsearch and at a webhook, each as the API shows it. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { realPlatform } from "../../shared/platform/real-platform.ts";
import { Daemon, freePort, runProgram } from "../end-to-end/program.ts";
import { ScriptedStore } from "../unit/aggregator/sinks/scripted-store.ts";
import { RealServer } from "./real-server.ts";
import { elasticsearch } from "./server-plans.ts";

const RULE = `
name: two-payments
summary: Two payments above 300 in a row within five minutes.
stream: business-events
key: userId
within: 5m
stages:
  - { name: first, where: "amount > 300" }
  - { name: second, contiguity: next, where: "amount > 300" }
alert: { type: FRAUD_SUSPICION, severity: critical, message: "{{key}} paid twice" }
`;
const USERS = 7;

let folder: string;
let url: string;
let server: RealServer;
let hook: ScriptedStore;
let aggregator: Daemon;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tailrace-alerts-"));
  server = await RealServer.start(elasticsearch);
  hook = await ScriptedStore.start();
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  await mkdir(join(folder, "rules"));
  await writeFile(join(folder, "rules/two-payments.yaml"), RULE);
  const common = { flush_interval: "50ms" };
  await writeFile(
    join(folder, "aggregator.yaml"),
    JSON.stringify({
      listen: `127.0.0.1:${port}`,
      data_dir: join(folder, "aggregator"),
      rules: [join(folder, "rules")],
      sinks: [
        { ...common, name: "search", type: "elasticsearch", url: server.url },
        { ...common, name: "pager", type: "webhook", url: `${hook.url}/hook` },
      ],
    }),
  );
  aggregator = new Daemon(["aggregator", "--config", join(folder, "aggregator.yaml")]);
  aggregator.start();
  while (!aggregator.stderr.includes("listens on")) await realPlatform.timers.sleep(20);
});
afterAll(async () => {
  await aggregator.stop("SIGTERM");
  await hook.close();
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

/** Ships payments of seven users with a real agent: two each, of which the rule finds all. */
async function ship(): Promise<void> {
  const startMs = Date.parse("2026-11-20T10:00:00Z");
  const payments = Array.from({ length: 2 * USERS }, (_, index) => ({
    timestamp: new Date(startMs + index * 1_000).toISOString(),
    userId: `user-${index % USERS}`,
    amount: 301 + index,
  }));
  const log = join(folder, "shop.log");
  await writeFile(log, payments.map((payment) => `${JSON.stringify(payment)}\n`).join(""));
  const source = { name: "shop", type: "file", paths: [log], format: "json" };
  const settings = {
    id: "web-1",
    data_dir: join(folder, "agent"),
    sources: [{ ...source, stream: "business-events" }],
    ship: { endpoints: [url] },
  };
  await writeFile(join(folder, "agent.yaml"), JSON.stringify(settings));
  const finished = await runProgram(["agent", "--config", join(folder, "agent.yaml"), "--once"]);
  expect(finished.code, finished.stderr).toBe(0);
}

async function getJson(address: string): Promise<any> {
  return (await fetch(address)).json();
}

async function shown(): Promise<any[]> {
  return (await getJson(`${url}/v1/alerts`)).alerts;
}

describe("alerts", () => {
  it("stand in Elasticsearch and were posted, each once and as the API shows it", async () => {
    await ship();
    while ((await shown()).length < USERS || hook.requests.length < USERS) {
      await realPlatform.timers.sleep(50);
    }
    const alerts = await shown();
    const posted = hook.requests.map(({ body }) => JSON.parse(body.toString()));
    const byId = (a: any, b: any) => (a.id < b.id ? -1 : 1);
    expect(posted.toSorted(byId)).toEqual(alerts.toSorted(byId));
    expect(hook.requests.map(({ headers }) => headers["tailrace-id"]).toSorted()).toEqual(
      alerts.map(({ id }) => id).toSorted(),
    );
    let found: any[] = [];
    while (found.length < USERS) {
      await fetch(`${server.url}/tailrace-alerts-*/_refresh`, { method: "POST" });
      const answer = await getJson(`${server.url}/tailrace-alerts-2026.11/_search?size=100`);
      found = answer.hits?.hits ?? [];
    }
    const documents = found.map(({ _id, _source }) => {
      expect(_id).toBe(_source.id);
      const { event, rule, user, "@timestamp": time, ...alert } = _source;
      expect({ event, rule, time }).toEqual({
        event: { kind: "alert", dataset: "tailrace.alerts" },
        rule: { name: "two-payments" },
        time: alert.timestamp,
      });
      return { ...alert, user: user.id };
    });
    expect(documents.toSorted(byId)).toEqual(alerts.toSorted(byId));
    const bySeverity = await getJson(
      `${server.url}/tailrace-alerts-*/_search?q=severity:critical+AND+user.id:user-3`,
    );
    expect(bySeverity.hits.total.value).toBe(1);
  });
});
