import fc from "fast-check";
import { expect, test } from "vitest";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import { Detail } from "../../../../shared/aggregates/detail.ts";
import { type WindowFacts, windowJson } from "../../../../shared/aggregates/window-json.ts";
import { windowJsonText } from "../../../../shared/aggregates/window-json-text.ts";

const durations = fc.oneof(fc.nat(3000), fc.nat(2 ** 40 - 1), fc.constant(-1));
const aggregates = fc
  .record({
    events: fc.array(fc.tuple(fc.nat(6), durations), { maxLength: 30 }),
    folded: fc.boolean(),
    detail: fc.constantFrom("none", "measures", "exemplars", "both"),
    line: fc.string({ unit: "binary" }),
  })
  .map(({ events, folded, detail, line }) => {
    const aggregate = new Aggregate();
    for (const [level, us] of events) aggregate.add(level, us);
    aggregate.folded = folded;
    if (detail === "none") return aggregate;
    aggregate.detail = new Detail();
    if (detail !== "exemplars") aggregate.detail.measure("bytes", "sum")?.addSum(17, 0);
    if (detail !== "measures") {
      aggregate.detail.addExemplar({
        id: "0f".repeat(16),
        timeMs: 1_795_430_400_123,
        level: 4,
        line,
      });
    }
    return aggregate;
  });
const count = fc.nat();
const names = fc.oneof(fc.string({ unit: "binary" }), fc.constant("orders"));
const facts: fc.Arbitrary<WindowFacts> = fc.record(
  {
    stream: names,
    service: names,
    minute: fc.integer({ min: -1e9, max: 1e9 }),
    windowMinutes: fc.constantFrom(1, 5, 60),
    aggregate: aggregates,
    dimensions: fc.dictionary(names, names, { noNullPrototype: true }),
    progress: fc.record({
      state: fc.constantFrom("provisional", "final", "corrected"),
      revision: count,
    }),
    contributors: fc.array(
      fc.record(
        { agent: names, requestCount: count, errorCount: count },
        { noNullPrototype: true },
      ),
      { maxLength: 4 },
    ),
  },
  {
    requiredKeys: ["stream", "service", "minute", "windowMinutes", "aggregate"],
    noNullPrototype: true,
  },
);

test("is what JSON.stringify makes of a window", () => {
  fc.assert(
    fc.property(facts, (window) => {
      expect(windowJsonText(window)).toBe(JSON.stringify(windowJson(window)));
    }),
    { numRuns: 500 },
  );
});
