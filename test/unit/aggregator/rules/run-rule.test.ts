import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { type RuleFound, RuleRun } from "../../../../aggregator/rules/run-rule.ts";
import { present } from "../../../../shared/assert.ts";

const MINUTE = 60_000;

function found(
  rule: string,
  events: readonly (readonly [minute: number, type: string, fields: object])[],
  change = (text: string) => text,
): RuleFound[] {
  const path = join(import.meta.dirname, "../../../../config/rules", `${rule}.yaml`);
  const { rules } = loadRules([{ file: path, text: change(readFileSync(path, "utf8")) }]);
  const run = new RuleRun(present(rules?.[0], "rule"));
  const out: RuleFound[] = [];
  for (const [id, [minute, type, fields]] of events.entries()) {
    run.add({ id, ts: minute * MINUTE, key: null, type, fields: { ...fields } });
    out.push(...run.advance(minute * MINUTE - 1));
  }
  return [...out, ...run.advance(Number.POSITIVE_INFINITY)];
}

const messages = (results: readonly RuleFound[]) =>
  results.filter(({ kind }) => kind === "match").map(({ alert }) => alert?.message);

describe("the built-in rule", () => {
  it("fraud-suspicion finds two large payments in a row", () => {
    const paid = (minute: number, amount: number) =>
      [minute, "PAID", { userId: "u1", amount }] as const;
    expect(messages(found("fraud-suspicion", [paid(0, 10_001), paid(4, 5001)]))).toEqual([
      "User u1 paid 10001 and right after it 5001.",
    ]);
    expect(
      messages(found("fraud-suspicion", [paid(0, 10_001), paid(1, 1), paid(2, 5001)])),
    ).toEqual([]);
    expect(messages(found("fraud-suspicion", [paid(0, 10_001), paid(5, 5001)]))).toEqual([]);
  });

  it("abnormal-user-behavior finds a profile changed after a reset", () => {
    const did = (minute: number, type: string) => [minute, type, { userId: "u1" }] as const;
    const events = [
      did(0, "LOGIN"),
      did(1, "PASSWORD_RESET"),
      did(9, "VIEW"),
      did(20, "PROFILE_UPDATE"),
    ];
    expect(messages(found("abnormal-user-behavior", events))).toHaveLength(1);
    expect(
      messages(
        found(
          "abnormal-user-behavior",
          [events[0], did(1, "VIEW"), ...events.slice(1)].flatMap((one) =>
            one === undefined ? [] : [one],
          ),
        ),
      ),
    ).toEqual([]);
  });

  it("service-degradation tells once how much slower a service became", () => {
    const took = (minute: number, responseTime: number) =>
      [minute, "METRIC", { service: "orders", responseTime }] as const;
    const events = [100, 100, 100, 100, 600, 800, 900].map((ms, minute) => took(minute, ms));
    expect(messages(found("service-degradation", events))).toEqual([
      "orders went from 100 ms to 700 ms, 7 times as slow.",
    ]);
  });

  it("brute-force-login counts the failures before a success", () => {
    const events = [
      "LOGIN_FAILED",
      "LOGIN_FAILED",
      "LOGIN_FAILED",
      "LOGIN_FAILED",
      "LOGIN_FAILED",
      "LOGIN_FAILED",
      "LOGIN",
    ];
    const did = events.map((type, minute) => [minute, type, { userId: "u1" }] as const);
    expect(messages(found("brute-force-login", did))).toEqual([
      "User u1 logged in after 6 failures.",
    ]);
    expect(messages(found("brute-force-login", did.slice(2)))).toEqual([]);
  });

  it("error-burst-after-deploy counts the errors of the deployed service alone", () => {
    const logged = (minute: number, type: string, level: string, service = "web") =>
      [minute, type, { service, level }] as const;
    const errors = Array.from({ length: 10 }, (_, index) =>
      logged(1 + index / 10, "LOG", index === 3 ? "FATAL" : "ERROR"),
    );
    const events = [logged(0, "DEPLOYED", "INFO"), logged(0.5, "LOG", "ERROR", "db"), ...errors];
    expect(messages(found("error-burst-after-deploy", events))).toEqual([
      "web logged 10 errors after it was deployed.",
    ]);
    expect(messages(found("error-burst-after-deploy", events.slice(0, -1)))).toEqual([]);
  });

  it("restart-loop finds three starts, and needs three new ones for the next alert", () => {
    const starts = [0, 2, 4, 5, 30].map(
      (minute) => [minute, "STARTED", { service: "web" }] as const,
    );
    expect(messages(found("restart-loop", starts))).toEqual([
      "web started 3 times within ten minutes.",
    ]);
  });

  it("missing-heartbeat finds silence, at the time when it became too long", () => {
    const beat = (minute: number, service: string) =>
      [minute, "METRIC", { service, requestCount: 3 }] as const;
    const out = found("missing-heartbeat", [
      beat(0, "a"),
      beat(1, "b"),
      beat(2, "a"),
      beat(5, "b"),
      beat(8, "b"),
    ]);
    expect(out.filter(({ key }) => key === "a")).toMatchObject([
      { kind: "match", alert: { message: "a has not reported for five minutes." } },
    ]);
  });
});

describe("a timeout", () => {
  const events = [[0, "PAID", { userId: "u1", amount: 20_000 }]] as const;

  it("raises no alert unless the rule wants one", () => {
    expect(found("fraud-suspicion", events)).toEqual([
      {
        rule: "fraud-suspicion",
        kind: "timeout",
        key: "u1",
        timestamp: "1970-01-01T00:05:00.000Z",
        events: { first: [expect.objectContaining({ id: 0 })] },
      },
    ]);
    const alerting = found("fraud-suspicion", events, (text) => `${text}onTimeout: alert\n`);
    expect(alerting[0]?.alert?.message).toBe("User u1 paid 20000 and right after it ?.");
  });
});
