import { describe, expect, it } from "vitest";
import { compileDetails } from "../../../../aggregator/rules/alert-details.ts";

const last = { id: 1, ts: 5, key: "u1", type: "A", fields: { amount: 2.5 } };

describe("the details of an alert", () => {
  it("are values of the last event and of all that was matched", () => {
    const { details } = compileDetails(
      { amount: "amount", count: "count(a)", none: "missing", endless: "amount / 0" },
      ["a"],
    );
    const held = { eventsOf: () => [last, last] };
    expect(details?.map((one) => [one.name, one.valueOf(last, held)])).toEqual([
      ["amount", 2.5],
      ["count", 2],
      ["none", null],
      ["endless", null],
    ]);
  });

  it("are refused with all that is wrong", () => {
    expect(compileDetails({ x: "count(z)", y: "a +", z: "1" }, ["a"]).faults).toEqual([
      { name: "x", message: "unknown stage `z`; did you mean `a`? (at character 1)" },
      { name: "y", message: "expected a value, got the end (at character 4)" },
    ]);
  });
});
