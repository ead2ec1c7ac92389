import { describe, expect, it } from "vitest";
import { NO_RULE_SET, RuleSet } from "../../../../aggregator/rules/rule-set.ts";
import { CROWD, EVENT_STREAM, FRAUD, ruleSet, rulesOf, SILENCE } from "../process/sample-events.ts";

const SLOW = FRAUD.replace("name: fraud", "name: slow")
  .replace("business-events", "service-metrics")
  .replace("userId", "service");

describe("the rules in use", () => {
  it("are found by stream and field, and events are parted by these fields", () => {
    const rules = ruleSet(FRAUD, SILENCE, CROWD, SLOW);
    expect(rules.keyFields(EVENT_STREAM).map(({ name }) => name)).toEqual(["userId", undefined]);
    const names = (stream: string, field: string | undefined) =>
      rules.rulesOf(stream, field).map(({ rule }) => rule.config.name);
    expect(names(EVENT_STREAM, "userId")).toEqual(["fraud", "silence"]);
    expect(names(EVENT_STREAM, undefined)).toEqual(["crowd"]);
    expect(names(EVENT_STREAM, "other")).toEqual([]);
    expect(names("service-metrics", "service")).toEqual(["slow"]);
    // No agent may speak for windows.
    expect(rules.keyFields("service-metrics")).toEqual([]);
  });

  it("are told apart by name, stream and pattern, and by nothing else", () => {
    const id = (text: string) => new RuleSet(rulesOf(text), NO_RULE_SET.selectors).rules[0]?.id;
    expect(id(FRAUD.replace("critical", "info"))).toBe(id(FRAUD));
    expect(id(`${FRAUD}on_hole: suppress`)).toBe(id(FRAUD));
    const others = [
      FRAUD,
      FRAUD.replace("fraud", "freud"),
      FRAUD.replace("amount > 50", "amount > 51"),
      FRAUD.replace("business-events", "more-events"),
      FRAUD.replace("name: fraud", `name: ${"a".repeat(100)}b`),
      FRAUD.replace("name: fraud", `name: ${"a".repeat(100)}c`),
    ].map(id);
    expect(new Set(others).size).toBe(others.length);
    for (const one of others) expect(one).toMatch(/^[a-z0-9-]{1,60}@[0-9a-f]{16}$/);
  });
});
