import { describe, expect, it } from "vitest";
import { compileSelectors } from "../../../../shared/events/compile-selectors.ts";
import { eventOfFields } from "../../../../shared/events/event-shape.ts";
import type { Selector } from "../../../../shared/protocol/selected-event.ts";

const selector = (changes: Partial<Selector>): Selector => ({
  ...{ stream: "s", keys: [], where: [], fields: [] },
  ...changes,
});
const matches = (selectors: readonly Selector[], fields: Record<string, unknown>) =>
  compileSelectors(selectors).matches(eventOfFields(fields, 5, ""));

describe("compiled selectors", () => {
  it("select everything when they ask for nothing in particular", () => {
    expect(matches([selector({})], {})).toBe(true);
  });

  it("want one of the keys, with a simple value", () => {
    const keys = [selector({ keys: ["user", "device"] })];
    expect(matches(keys, { device: 0 })).toBe(true);
    expect(matches(keys, { user: null, device: {} })).toBe(false);
    expect(matches(keys, { other: 1 })).toBe(false);
  });

  it("want one of the conditions to hold", () => {
    const where = [selector({ where: ["type == 'A'", "amount > 5 && ts == 5"] })];
    expect(matches(where, { type: "A" })).toBe(true);
    expect(matches(where, { amount: 6 })).toBe(true);
    expect(matches(where, { amount: "6", type: "B" })).toBe(false);
  });

  it("want keys and conditions both", () => {
    const both = [selector({ keys: ["user"], where: ["a == 1"] })];
    expect(matches(both, { user: "u", a: 1 })).toBe(true);
    expect(matches(both, { user: "u" })).toBe(false);
    expect(matches(both, { a: 1 })).toBe(false);
  });

  it("of one stream suffice alone, and the fields of all travel", () => {
    const two = [
      selector({ where: ["a == 1"], fields: ["a", "user"] }),
      selector({ where: ["b == 1"], fields: ["b", "user"] }),
    ];
    expect(matches(two, { b: 1 })).toBe(true);
    expect(matches(two, { b: 2 })).toBe(false);
    expect(compileSelectors(two).fields).toEqual(["a", "user", "b"]);
  });
});
