import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ArchiveItem } from "../../aggregator/state/archive-rows.ts";
import { Prng } from "../../shared/platform/simulated/prng.ts";
import { ArchiveWorld } from "../unit/aggregator/archive/archive-world.ts";
import { deltaItem, eventItem, sampleItems } from "../unit/aggregator/archive/sample-items.ts";
import { TEN } from "../unit/aggregator/collect/sample-agent.ts";

/** Items of some days, in any order. */
function randomItems(prng: Prng): ArchiveItem[] {
  return Array.from({ length: 1 + prng.below(60) }, (_, index) => {
    const day = prng.below(3);
    const [sample] = sampleItems().slice(prng.below(5));
    if (prng.below(4) === 0 && sample !== undefined) return sample;
    if (prng.below(2) === 0) return deltaItem(`s${prng.below(3)}`, TEN + day * 1_440, 1 + index);
    return eventItem(index, day * 86_400 + prng.below(1_000), { userId: `u${index}` });
  });
}

function randomSettings(prng: Prng) {
  return {
    blockBytesMax: 1 + prng.below(3_000),
    blockFilesMax: 1 + prng.below(6),
    intervalMs: 1_000 + prng.below(20_000),
    waitingBytesMax: 2 ** 30,
  };
}

/** Commits the items in parts, with crashes of everything in between, and resolves when all are archived. */
async function archive(seed: number, items: readonly ArchiveItem[], hasCrashes: boolean) {
  const prng = new Prng(seed);
  const world = new ArchiveWorld(seed, randomSettings(prng));
  for (let at = 0; at < items.length; ) {
    const part = items.slice(at, at + 1 + prng.below(12));
    if (hasCrashes && prng.below(4) === 0) world.loseCommit(part);
    await world.commit(part);
    at += part.length;
    await world.pass(prng.below(3_000));
    if (hasCrashes && prng.below(3) === 0) world.restart(prng.below(2) === 0);
  }
  await world.drain();
  return world;
}

describe("files of an archive", () => {
  it("hold the same rows however what came is cut into commits, blocks and files", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const items = randomItems(new Prng(seed));
        const world = await archive(seed, items, false);
        expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(items));
      }),
      { numRuns: 60 },
    );
  });

  it("hold each row once, whatever crashes on the way", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const items = randomItems(new Prng(seed));
        const world = await archive(seed, items, true);
        expect(world.archivedRows()).toEqual(ArchiveWorld.rowsOf(items));
        expect(world.waitingItems()).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});
