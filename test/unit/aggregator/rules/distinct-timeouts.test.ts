import { describe, expect, it } from "vitest";
import type { KeyFound } from "../../../../aggregator/cep/operator.ts";
import { distinctTimeouts } from "../../../../aggregator/rules/distinct-timeouts.ts";
import { eventsOf, operatorOf } from "../cep/sample-patterns.ts";

describe("timeouts", () => {
  it("that say the same are told once, matches and other timeouts all", () => {
    const operator = operatorOf({
      key: "key",
      within: 10,
      stages: [
        { name: "a", where: "type == 'A'", times: { min: 1, max: null } },
        { name: "b", contiguity: "followedBy", where: "type == 'B'", optional: true },
      ],
    });
    const found: KeyFound[] = [];
    for (const event of eventsOf("A@0 X@1 A@0:k2")) operator.add(event);
    operator.advance(20, (one) => found.push(one));
    const told = (list: readonly KeyFound[], kind: string) =>
      list.filter((one) => one.kind === kind).map(({ key }) => key);
    expect(told(found, "timeout").length).toBeGreaterThan(2);
    const distinct = distinctTimeouts(found);
    expect(told(distinct, "timeout").toSorted()).toEqual(["k1", "k2"]);
    expect(told(distinct, "match")).toEqual(told(found, "match"));
    expect(told(found, "match")).toHaveLength(2);
  });
});
