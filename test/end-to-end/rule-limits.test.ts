import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Daemon, freePort, runProgram } from "./program.ts";
import { eventually } from "./retail.ts";

const TEN_MS = Date.parse("2026-11-20T10:00:00Z");
/** Waits for what never comes. */
const RULE = `
name: waiting
summary: A login, and some time later what never comes.
stream: business-events
key: userId
stages:
  - { name: login, where: "type == 'LOGIN'" }
  - { name: never, contiguity: followedBy, where: "type == 'NEVER'" }
alert: { type: NEVER, severity: info, message: "{{key}}" }
`;

let home: string;
let address: string;
let aggregator: Daemon;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "tailrace-limits-"));
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  writeFileSync(join(home, "waiting.yaml"), RULE);
  const config = {
    ...{ listen: `127.0.0.1:${port}`, data_dir: join(home, "data") },
    rules: [join(home, "waiting.yaml")],
    sinks: [
      {
        name: "out",
        type: "file",
        alerts_path: join(home, "alerts.ndjson"),
        flush_interval: "100ms",
      },
    ],
  };
  writeFileSync(join(home, "aggregator.yaml"), JSON.stringify(config));
  aggregator = new Daemon(["aggregator", "--config", join(home, "aggregator.yaml")]);
  aggregator.start();
});

afterEach(async () => {
  await aggregator.stop("SIGKILL");
  rmSync(home, { recursive: true, force: true });
});

async function isReady(): Promise<boolean> {
  return (await fetch(`${address}/readyz`)).ok;
}

async function post(events: readonly Readonly<Record<string, unknown>>[], key: string) {
  const answer = await fetch(`${address}/v1/events?stream=business-events`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson", "idempotency-key": key },
    body: events.map((event) => `${JSON.stringify(event)}\n`).join(""),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

const login = (userId: string, seconds: number) => ({
  ...{ timestamp: TEN_MS + seconds * 1_000, type: "LOGIN", userId },
});

async function rules(...words: readonly string[]): Promise<unknown[]> {
  const command = ["rules", ...words, "--output", "ndjson", "--endpoint", address];
  const { code, stdout, stderr } = await runProgram(command);
  expect(code, stderr).toBe(0);
  return stdout
    .split("\n")
    .slice(0, -1)
    .map((line): unknown => JSON.parse(line));
}

describe("a rule that hits a bound", () => {
  it("says so in its ledger and by one alert, also after a kill, and shows what came too late", async () => {
    expect(await eventually(isReady, true), aggregator.stderr).toBe(true);
    await post(
      Array.from({ length: 1_004 }, (_, index) => login("ann", index / 100)),
      "flood",
    );
    await post([login("bob", 300)], "later");
    const count = async () => {
      const [status] = await rules("status", "--rule", "waiting");
      const dropped: unknown = Reflect.get(Object(status), "dropped");
      return Array.isArray(dropped) ? dropped.map(({ count: dropCount }) => dropCount) : [];
    };
    expect(await eventually(count, [4]), aggregator.stderr).toEqual([4]);
    await aggregator.stop("SIGKILL");
    aggregator.start();
    expect(await eventually(isReady, true), aggregator.stderr).toBe(true);
    // The same again, by a sender that had no answer.
    await post([login("bob", 300)], "later");
    await post([login("eve", 100)], "late");
    await post([login("ann", 301), login("bob", 600)], "last");
    expect(await eventually(count, [5]), aggregator.stderr).toEqual([5]);

    const told = () =>
      readFileSync(join(home, "alerts.ndjson"), "utf8").split("\n").slice(0, -1).map(alertOf);
    const alert = {
      ...{ alertType: "RULE_LIMIT", user: "ann", reason: "partials_max", dropped: 1 },
      timestamp: "2026-11-20T10:00:10.000Z",
    };
    expect(await eventually(told, [alert])).toEqual([alert]);
    const metrics = await (await fetch(`${address}/metrics`)).text();
    expect(metrics).toContain(
      'tailrace_rule_dropped_total{rule="waiting",reason="partials_max"} 5\n',
    );
    expect(await rules("late", "--rule", "waiting")).toMatchObject([
      { ts: TEN_MS + 100_000, fields: { userId: "eve" }, keyValue: "eve", rules: ["waiting"] },
    ]);
  });
});

function alertOf(line: string) {
  const { alertType, user, timestamp, details } = JSON.parse(line);
  return { alertType, user, reason: details.reason, dropped: details.dropped, timestamp };
}
