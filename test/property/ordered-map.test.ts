import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { OrderedMap } from "../../aggregator/state/ordered-map.ts";

const keys = fc.string({ unit: fc.constantFrom("a", "b", "/", "0"), minLength: 1, maxLength: 3 });

describe("an ordered map", () => {
  it("does what a map does whose keys are sorted each time", () => {
    const change = fc.record({ key: keys, value: fc.option(fc.nat(255)) });
    const query = fc.record({ from: keys, to: keys, limit: fc.nat(6), reverse: fc.boolean() });
    fc.assert(
      fc.property(fc.array(change), query, (changes, { from, to, limit, reverse }) => {
        const map = new OrderedMap();
        const model = new Map<string, number>();
        for (const { key, value } of changes) {
          map.set(key, value === null ? undefined : Buffer.of(value));
          if (value === null) model.delete(key);
          else model.set(key, value);
        }
        let expected = [...model].filter(([key]) => key >= from && key < to);
        expected.sort(([a], [b]) => (a < b ? -1 : 1));
        if (reverse) expected.reverse();
        expected = expected.slice(0, limit);
        const found = [...map.range(from, to, { limit, reverse })];
        expect(found.map(([key, value]) => [key, value[0]])).toEqual(expected);
        expect(map.size).toBe(model.size);
        for (const [key, value] of model) expect(map.get(key)?.[0]).toBe(value);
      }),
    );
  });
});
