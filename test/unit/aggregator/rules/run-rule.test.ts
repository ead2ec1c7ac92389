import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";
import { foundText, type RuleFound, RuleRun } from "../../../../aggregator/rules/run-rule.ts";
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

const alertSchema = z.looseObject({ message: z.string() });

/** The message of what was found; undefined when no alert was raised. */
function alertOf({ alert }: RuleFound): string | undefined {
  return alert === undefined ? undefined : alertSchema.parse(JSON.parse(alert.json)).message;
}

const messages = (results: readonly RuleFound[]) =>
  results.filter(({ kind, alert }) => kind === "match" && alert !== undefined).map(alertOf);

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
      { kind: "match", timestampMs: 7 * MINUTE },
    ]);
    expect(messages(out)).toContain("a has not reported for five minutes.");
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
        timestampMs: 5 * MINUTE,
        alert: undefined,
        events: { first: [expect.objectContaining({ id: 0 })] },
      },
    ]);
    const alerting = found("fraud-suspicion", events, (text) => `${text}onTimeout: alert\n`);
    expect(alerting.map(alertOf)[0]).toBe("User u1 paid 20000 and right after it ?.");
  });
});

describe("the cooldown of a rule", () => {
  it("lets one alert of a key through, then none until it is over; matches are told all the same", () => {
    const paid = (minute: number, userId: string) =>
      [minute, "PAID", { userId, amount: 20_000 }] as const;
    const events = [0, 1, 2, 12, 13].map((minute) => paid(minute, "u1"));
    const others = [paid(0, "u2"), paid(1, "u2")];
    const all = [...events, ...others].toSorted(([a], [b]) => a - b);
    const out = found("fraud-suspicion", all, (text) =>
      text.replace("severity: critical", "severity: critical\n  cooldown: 10m"),
    ).filter(({ kind }) => kind === "match");
    const told = out.map(({ key, timestampMs, alert }) => [
      key,
      timestampMs / MINUTE,
      alert !== undefined,
    ]);
    expect(told).toEqual([
      ["u1", 1, true],
      ["u2", 1, true],
      ["u1", 2, false],
      ["u1", 13, true],
    ]);
  });
});

describe("what is found", () => {
  it("is a line of JSON with the alert as sinks get it", () => {
    const [first] = found("fraud-suspicion", [
      [0, "PAID", { userId: "u1", amount: 20_000 }],
      [1, "PAID", { userId: "u1", amount: 6000 }],
    ]);
    expect(JSON.parse(foundText(present(first, "match")))).toMatchObject({
      rule: "fraud-suspicion",
      kind: "match",
      key: "u1",
      timestamp: "1970-01-01T00:01:00.000Z",
      events: { first: [{ id: 0 }], second: [{ id: 1 }] },
      alert: {
        alertType: "FRAUD_SUSPICION",
        user: "u1",
        message: "User u1 paid 20000 and right after it 6000.",
        timestamp: "1970-01-01T00:01:00.000Z",
        severity: "critical",
        details: { rule: "fraud-suspicion", firstAmount: 20_000, secondAmount: 6000 },
        id: expect.stringMatching(/^[0-9a-f]{32}$/),
      },
    });
  });
});
