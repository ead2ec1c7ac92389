import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runSeeds } from "./run-seeds.ts";
import { simulate } from "./simulate.ts";

/** `npm run test:long` asks for more. */
const SEED_COUNT = Number(process.env["TAILRACE_SEEDS"] ?? 200);
const LIMIT_MS = 60_000 + SEED_COUNT * 2_000;

/** What went wrong with which seed. */
async function failuresOf(seeds: readonly number[]): Promise<string[]> {
  const failures: string[] = [];
  await runSeeds({
    seeds,
    jobs: 2,
    onResult: (result) => {
      if (!result.ok) failures.push(`seed ${result.seed}: ${result.failure}`);
    },
  });
  return failures;
}

describe("a simulated fleet", () => {
  it("has the same trace when its seed comes again", async () => {
    for (const seed of [3, 4]) {
      const first = await simulate(seed);
      expect(await simulate(seed)).toEqual(first);
      expect(first.eventCount).toBeGreaterThan(1_000);
    }
  });

  it(
    "counts every line exactly once, whatever happens to it",
    async () => {
      const seeds = Array.from({ length: SEED_COUNT }, (_, index) => index + 1);
      expect(await failuresOf(seeds)).toEqual([]);
    },
    LIMIT_MS,
  );

  it(
    "survives what it once did not",
    async () => {
      const corpus = readFileSync(join(import.meta.dirname, "seeds.txt"), "utf8");
      const seeds = corpus
        .split("\n")
        .map((line) => line.replace(/#.*/, "").trim())
        .filter((line) => line !== "")
        .map(Number);
      expect(await failuresOf(seeds)).toEqual([]);
    },
    LIMIT_MS,
  );
});
