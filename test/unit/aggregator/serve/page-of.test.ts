import fc from "fast-check";
import { expect, it } from "vitest";
import { pageOf } from "../../../../aggregator/serve/page-of.ts";
import { decodePlace } from "../../../../aggregator/serve/query-parameters.ts";

it("pages show every item once, in order, whatever their size, also while items come and go", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.string()), fc.integer({ min: 1, max: 5 }), (names, limit) => {
      const shown: string[] = [];
      let next: string | undefined;
      do {
        const after = next === undefined ? undefined : decodePlace(next)?.[1];
        const page = pageOf(names, (name) => name, { limit, after });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        shown.push(...page.items);
        ({ next } = page.next);
      } while (next !== undefined);
      expect(shown).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)));
      const [first, ...rest] = shown;
      const behind = pageOf(rest.slice(1), (name) => name, { limit: 9_999, after: first });
      expect(behind.items).toEqual(rest.slice(1));
    }),
  );
});
