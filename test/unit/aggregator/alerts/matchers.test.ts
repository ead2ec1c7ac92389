import { describe, expect, it } from "vitest";
import {
  matcherSchema,
  matcherText,
  matches,
  parseMatcher,
  wantedMatcher,
} from "../../../../aggregator/alerts/matchers.ts";

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

  it("that are none are told what is wrong with them", () => {
    expect(wantedMatcher("a")).toMatch(/^a matcher such as /);
    expect(wantedMatcher(`a=${"x".repeat(1_025)}`)).toContain("at most 1024 characters");
    expect(wantedMatcher("service=~ts-(")).toBe(
      "a regular expression as RE2 knows them (missing closing ): `ts-(`)",
    );
  });

  it("cost time in proportion to the label, whatever their pattern", () => {
    const matcher = { name: "a", value: "(a+)+b", isRegex: true, isEqual: true };
    // Backtracking would take 2^5000 steps.
    expect(matches([matcher], { a: "a".repeat(5_000) })).toBe(false);
  });

  it("are refused with the reason when a pattern looks around, repeats too much or is none", () => {
    const faultOf = (value: string) =>
      matcherSchema.safeParse({ name: "a", value, isRegex: true }).error?.issues[0]?.message;
    expect(faultOf("a(?=b)")).toMatch(/^expected a regular expression as RE2 knows them \(.*\(\?=/);
    expect(faultOf("(")).toContain("missing closing )");
    expect(faultOf("[^z]{900}".repeat(10))).toContain("repeats too much");
    expect(faultOf("(?i)ts-(order|food)-.*")).toBeUndefined();
  });

  it("fit nothing with a pattern that only an older program took", () => {
    const stored = { name: "a", value: "x(?=y)", isRegex: true, isEqual: false };
    expect(matches([stored], { a: "x" })).toBe(false);
  });
});
