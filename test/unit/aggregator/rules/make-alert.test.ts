import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Found } from "../../../../aggregator/cep/matcher.ts";
import type { CepEvent } from "../../../../aggregator/cep/shared-buffer.ts";
import { loadRules, type Rule } from "../../../../aggregator/rules/load-rules.ts";
import { makeAlert, spanOf } from "../../../../aggregator/rules/make-alert.ts";
import { present } from "../../../../shared/assert.ts";

const folder = join(import.meta.dirname, "../../../../config/rules");
const MINUTE = 60_000;

function builtIn(name: string, change = (text: string) => text): Rule {
  const text = change(readFileSync(join(folder, `${name}.yaml`), "utf8"));
  return present(loadRules([{ file: name, text }]).rules?.[0], "rule");
}

function event(id: number, minute: number, fields: CepEvent["fields"]): CepEvent {
  return { id, ts: minute * MINUTE, key: null, type: "METRIC", fields };
}

const took = (id: number, minute: number, responseTime: number) =>
  event(id, minute, { service: "orders", responseTime });

const slow: Found = {
  kind: "match",
  ts: 5 * MINUTE,
  stages: new Map([
    ["normal", [took(1, 1, 100), took(2, 2, 100), took(3, 3, 100)]],
    ["degraded", [took(4, 4, 600), took(5, 5, 800)]],
  ]),
};
const place = { tenant: "", key: "orders", isIncomplete: false };

const json = (rule: Rule, found: Found, at: Parameters<typeof makeAlert>[2]) =>
  JSON.parse(makeAlert(rule, found, at).json);

describe("an alert", () => {
  const degradation = builtIn("service-degradation");

  it("of a degraded service tells what it was before and after, and by how much it is slower", () => {
    const alert = makeAlert(degradation, slow, place);
    expect(alert).toMatchObject({
      rule: "service-degradation",
      alertType: "SERVICE_DEGRADATION",
      severity: "warning",
      timestampMs: 5 * MINUTE,
    });
    const value = JSON.parse(alert.json);
    expect(Object.keys(value)).toEqual([
      ...["alertType", "service", "message", "timestamp", "severity", "details", "id"],
    ]);
    expect(value).toMatchObject({
      alertType: "SERVICE_DEGRADATION",
      service: "orders",
      message: "orders went from 100 ms to 700 ms, 7 times as slow.",
      timestamp: "1970-01-01T00:05:00.000Z",
      id: alert.id,
      details: {
        rule: "service-degradation",
        key: "orders",
        responseTimeBefore: 100,
        responseTimeAfter: 700,
        degradationRatio: 7,
        normalMinutes: 3,
        degradedMinutes: 2,
        firstEvent: "1970-01-01T00:01:00.000Z",
        durationMs: 4 * MINUTE,
        stages: { normal: { eventCount: 3 }, degraded: { eventCount: 2 } },
      },
    });
  });

  it("has the id of its match: the same each time, another for other events, key, rule or tenant", () => {
    const { id } = makeAlert(degradation, slow, place);
    expect(makeAlert(degradation, slow, { ...place, isIncomplete: true }).id).toBe(id);
    const later: Found = { ...slow, stages: new Map([["normal", [took(9, 1, 100)]]]) };
    const ids = [
      makeAlert(degradation, later, place).id,
      makeAlert(degradation, { ...slow, kind: "timeout" }, place).id,
      makeAlert(degradation, slow, { ...place, key: "web" }).id,
      makeAlert(degradation, slow, { ...place, tenant: "t" }).id,
      makeAlert(
        builtIn("service-degradation", (text) => text.replace("name: service-", "name: other-")),
        slow,
        place,
      ).id,
    ];
    expect(new Set([id, ...ids])).toHaveProperty("size", 6);
    const reworded = builtIn("service-degradation", (text) =>
      text.replace("went from", "rose from"),
    );
    expect(makeAlert(reworded, slow, place).id).toBe(id);
  });

  it("names a user where the key is one, a key otherwise, and says when events may be missing", () => {
    const fraud = builtIn("fraud-suspicion");
    const paid: Found = {
      kind: "match",
      ts: MINUTE,
      stages: new Map([["first", [event(1, 1, { userId: "u1", amount: 5 })]]]),
    };
    expect(json(fraud, paid, { tenant: "", key: "u1", isIncomplete: true })).toMatchObject({
      user: "u1",
      incomplete: true,
      message: "User u1 paid 5 and right after it ?.",
    });
    const byOrder = builtIn("fraud-suspicion", (text) => text.replace("userId", "orderId"));
    expect(json(byOrder, paid, { tenant: "", key: 7, isIncomplete: false })).toMatchObject({
      key: 7,
    });
  });

  it("stays small, whatever its events hold", () => {
    const large = (id: number) =>
      event(id, id, { service: "orders", responseTime: 1, text: "x".repeat(20_000) });
    const many = Array.from({ length: 100 }, (_, id) => large(id));
    const found: Found = { ...slow, stages: new Map([["normal", many]]) };
    const value = json(degradation, found, place);
    expect(JSON.stringify(value).length).toBeLessThanOrEqual(65_536);
    expect(value.details.stages.normal.eventCount).toBe(100);
    expect(value.details.stages.normal.events).toHaveLength(16);
    expect(value.details.stages.normal.events[0]).not.toHaveProperty("fields");
  });
});

describe("the span of a match", () => {
  it("reaches from its first event to when it was found", () => {
    expect(spanOf(slow)).toEqual({ fromMs: MINUTE, toMs: 5 * MINUTE });
  });
});
