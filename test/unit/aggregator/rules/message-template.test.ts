import { describe, expect, it } from "vitest";
import { compileTemplate } from "../../../../aggregator/rules/message-template.ts";

const last = { id: 1, ts: 5, key: "u1", type: "A", fields: { amount: 2.5 } };
const stages = { eventsOf: () => [last, last] };

function render(text: string): string | undefined {
  return compileTemplate(text, ["a"]).template?.render(last, stages);
}

describe("a message", () => {
  it("has the values of its expressions in place of them", () => {
    expect(render("User {{key}} paid {{ sum(a.amount) }}, {amount} is kept.")).toBe(
      "User u1 paid 5, {amount} is kept.",
    );
    expect(render("plain")).toBe("plain");
  });

  it("says ? for what is not there", () => {
    expect(render("{{nothing}}{{amount}}")).toBe("?2.5");
  });

  it("is refused with all that is wrong", () => {
    expect(compileTemplate("{{count(z)}} {{}}", ["a"]).faults).toEqual([
      "unknown stage `z`; did you mean `a`? (in {{count(z)}})",
      "expected a value, got the end (in {{}})",
    ]);
  });
});
