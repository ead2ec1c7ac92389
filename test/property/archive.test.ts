import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { nastyLogFaults } from "../../aggregator/log/simulated-log.ts";
import {
  type ArchiveItem,
  readArchiveRow,
  readBlock,
} from "../../aggregator/state/archive-rows.ts";
import { Prng } from "../../shared/platform/simulated/prng.ts";
import { ArchiveWorld } from "../unit/aggregator/archive/archive-world.ts";
import { deltaItem, eventItem, sampleItems } from "../unit/aggregator/archive/sample-items.ts";
import { delta, SampleAgent, TEN } from "../unit/aggregator/collect/sample-agent.ts";
import { event } from "../unit/aggregator/process/sample-events.ts";
import {
  type Layout,
  SimulatedProcessors,
} from "../unit/aggregator/process/simulated-processors.ts";

/** What stage 2 of all partitions queued, of everything that was ever committed. */
function queued(world: SimulatedProcessors): ArchiveItem[] {
  return world.windowViews.flatMap((view) => {
    const { block } = readArchiveRow(view);
    const blocks = Array.from({ length: block + 1 }, (_, at) => at);
    return blocks.flatMap((at) => [...readBlock(view, at)].map(([, item]) => item));
  });
}

const LAYOUTS = ["embedded", "topics"] as const satisfies readonly Layout[];

describe.each(LAYOUTS)("what is queued for the archive, %s", (layout) => {
  it("is what was counted, once, with crashes and a log that fails at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(2 ** 31), async (seed) => {
        const prng = new Prng(seed);
        const archive = {
          settings: randomSettings(prng),
          writtenBlocks: () => 0,
          isDraining: () => false,
        };
        const world = new SimulatedProcessors(layout, seed, { ...nastyLogFaults }, { archive });
        let sent = 0;
        let lines = 0;
        let isDone = false;
        const sending = (async () => {
          const agent = new SampleAgent("web-1");
          await world.send(agent.fence(1));
          for (let batch = 0; batch < 12; batch++) {
            const events = Array.from({ length: prng.below(5) }, () => event(sent++, sent, {}));
            const count = 1 + prng.below(9);
            lines += count;
            const deltas = [delta(`s${prng.below(3)}`, TEN + prng.below(3), count)];
            const envelope = agent.send({ events, deltas });
            await world.send(envelope);
            if (prng.below(3) === 0) await world.send(envelope);
          }
          isDone = true;
        })();
        for (let step = 0; !isDone && step < 400; step++) {
          if (prng.below(4) === 0) world.restart();
          await world.pass(1_000);
        }
        await sending;
        world.log.faults.unavailable = 0;
        world.log.faults.unknown = 0;
        await world.pass(20_000);
        const items = queued(world);
        const offsets = items.flatMap((item) => (item.kind === "event" ? item.event.offset : []));
        expect(offsets.toSorted((a, b) => a - b)).toEqual(
          Array.from({ length: sent }, (_, index) => index * 100),
        );
        const counts = items.map((one) => (one.kind === "delta" ? one.aggregate.requestCount : 0));
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(lines);
      }),
      { numRuns: 10 },
    );
  });
});

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
