/**
 * Random lives of a log: it is written, rotated in every way, truncated, deleted, while the source looks, reads, stores, crashes and starts
 * again. Whatever the order, no line is counted twice, and every line that was not destroyed is counted.
 */
import fc from "fast-check";
import { expect, it } from "vitest";
import { LogWorld } from "./log-world.ts";

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      lines: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("appendHalf" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("rename" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("copytruncate" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("copy" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("truncateAfterCopy" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("truncate" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("removeOldest" as const) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("discover" as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      bytes: fc.integer({ min: 1, max: 3000 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("cut" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("crash" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const) }) },
);

const life = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  isRotatedMatched: fc.boolean(),
  isCountingUp: fc.boolean(),
  hasOldFiles: fc.boolean(),
  steps: fc.array(step, { minLength: 1, maxLength: 60 }),
});

it("counts every line exactly once that was not destroyed, and balances its ledger", async () => {
  await fc.assert(
    fc.asyncProperty(life, async (chosen) => {
      const world = new LogWorld(chosen);
      for (const { do: action, ...how } of chosen.steps) await world.act(action, how);
      await world.settle();
      expect(world.faults).toEqual([]);
    }),
    { numRuns: Number(process.env["PROPERTY_RUNS"] ?? 300) },
  );
});
