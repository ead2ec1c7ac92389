import { describe, expect, it } from "vitest";
import { matcherText, matches, parseMatcher } from "../../../../aggregator/alerts/matchers.ts";

const labels = { service: "orders", severity: "critical" };

function fits(...texts: readonly string[]): boolean {
  return matches(
    texts.map(
      (text) => parseMatcher(text) ?? { name: "?", value: "?", isRegex: false, isEqual: true },
    ),
    labels,
  );
}

describe("matchers", () => {
  it("compare a label with a text or a whole regular expression", () => {
    expect(fits("service=orders")).toBe(true);
    expect(fits('service="orders"')).toBe(true);
    expect(fits("service!=orders")).toBe(false);
    expect(fits("service=~ord.*")).toBe(true);
    expect(fits("service=~ord")).toBe(false);
    expect(fits("service!~ord")).toBe(true);
  });

  it("must all fit, and an absent label is empty", () => {
    expect(fits("service=orders", "severity=warning")).toBe(false);
    expect(fits('team=""', "team!=shop")).toBe(true);
  });

  it("come back as they were written", () => {
    for (const text of ['a="x y"', 'a!="x"', 'a=~"x|y"', 'a!~"\\\\d"']) {
      const matcher = parseMatcher(text);
      expect(matcher && matcherText(matcher)).toBe(text);
    }
  });

  it("are none without a name, with an open quote, or with a broken expression", () => {
    expect(["=x", "1a=x", 'a="x', "a=~(", "a"].map(parseMatcher)).toEqual(Array(5).fill(undefined));
  });
});
