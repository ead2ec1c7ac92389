/** Whatever happens to the bytes of a spool, opening it never shows a record that was not written so. */
import { describe, expect, it } from "vitest";
import { openSpool } from "../../agent/spool/open-spool.ts";
import type { Spool } from "../../agent/spool/spool.ts";
import { present } from "../../shared/assert.ts";
import { Killed, MemoryDisk, type PowerCut } from "../unit/agent/spool/memory-disk.ts";
import {
  digestsOf,
  emptyHeader,
  fill,
  filledSpool,
  nextBatch,
  spoolOptions,
} from "../unit/agent/spool/sample-spool.ts";

const POWER_CUTS: readonly PowerCut[] = ["lose", "keep", "tear"];

/** Digests of the first records of any sample spool: its batches depend on nothing but what came before. */
async function expectedDigests(count: number): Promise<Map<number, string>> {
  return digestsOf(await filledSpool(new MemoryDisk(), count));
}

/** Checks that a whole spool holds what was written, from its oldest record on, and can go on. */
async function expectGoesOn(spool: Spool, expected: ReadonlyMap<number, string>): Promise<void> {
  for (const [sequence, digest] of await digestsOf(spool)) {
    expect(digest).toBe(expected.get(sequence));
  }
  const state = present(spool.state, "the state");
  expect(state.checkpoint(0)?.offset ?? 0).toBe(10 * spool.lastSequence);
  expect(state.ledger()[0]?.lines ?? 0).toBe(spool.lastSequence);
  await fill(spool, 1);
  expect((await digestsOf(spool)).get(spool.lastSequence)).toBe(expected.get(spool.lastSequence));
}

/** A life of a spool; `acknowledged` says what was promised when it was stopped. */
async function live(disk: MemoryDisk, acknowledged: { sealed: number; released: number }) {
  const { spool } = await openSpool(spoolOptions(disk));
  await spool.begin(emptyHeader());
  for (let step = 1; step <= 9; step++) {
    const { batch, notes } = nextBatch(spool);
    await spool.append(batch, notes);
    acknowledged.sealed = step;
    if (step % 3 !== 0) continue;
    acknowledged.released = step - 1;
    await spool.release(step - 1);
  }
}

describe("a spool", () => {
  it.each(POWER_CUTS)(
    "SPL-01 killed before any change of the disk goes on, unsynced bytes: %s",
    async (cut) => {
      const expected = await expectedDigests(12);
      const whole = new MemoryDisk();
      await live(whole, { sealed: 0, released: 0 });
      expect(whole.changeCount).toBeGreaterThan(30);
      for (let killAt = 0; killAt < whole.changeCount; killAt++) {
        const disk = new MemoryDisk();
        disk.killAt = killAt;
        const acknowledged = { sealed: 0, released: 0 };
        await expect(live(disk, acknowledged)).rejects.toThrow(Killed);
        const after = disk.afterPowerCut(cut);
        const { spool, condition } = await openSpool(spoolOptions(after));
        const { sealed, released } = acknowledged;
        if (condition === "absent") {
          expect(sealed).toBe(0);
          continue;
        }
        expect(condition).toBe("whole");
        expect(spool.lastSequence).toBeGreaterThanOrEqual(sealed);
        expect(spool.firstSequence).toBeLessThanOrEqual(released + 1);
        await expectGoesOn(spool, expected);
      }
    },
  );

  it("SPL-02 with any one bit flipped shows no wrong record and loses none silently but at its end", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 7);
    const expected = await expectedDigests(9);
    const contents = disk.contents();
    const found = { whole: 0, damaged: 0, absent: 0, unfinished: 0 };
    for (const [path, bytes] of contents) {
      for (let at = 0; at < bytes.length; at++) {
        const harmed = Buffer.from(bytes);
        harmed[at] = (harmed[at] ?? 0) ^ (1 << (at % 8));
        const after = MemoryDisk.holding(new Map(contents).set(path, harmed));
        const { spool, condition } = await openSpool(spoolOptions(after));
        found[condition]++;
        if (condition === "whole") {
          expect(spool.lastSequence).toBeGreaterThanOrEqual(6);
          await expectGoesOn(spool, expected);
        } else {
          await expectRetained(spool, expected, 6);
        }
      }
    }
    expect(found.damaged).toBeGreaterThan(found.whole);
    expect({ absent: found.absent, unfinished: found.unfinished }).toEqual({
      absent: 0,
      unfinished: 0,
    });
  });

  it("SPL-02 with any segment cut anywhere shows no wrong record", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 7);
    const expected = await expectedDigests(9);
    const contents = disk.contents();
    expect(contents.size).toBeGreaterThan(2);
    for (const [path, bytes] of contents) {
      for (let length = 0; length < bytes.length; length++) {
        const after = MemoryDisk.holding(new Map(contents).set(path, bytes.subarray(0, length)));
        const { spool, condition } = await openSpool(spoolOptions(after));
        if (condition === "whole") await expectGoesOn(spool, expected);
        else await expectRetained(spool, expected, 0);
      }
    }
  });

  it("SPL-02 with any segment missing shows no wrong record", async () => {
    const disk = new MemoryDisk();
    await filledSpool(disk, 7);
    const expected = await expectedDigests(9);
    for (const path of disk.contents().keys()) {
      const rest = disk.contents();
      rest.delete(path);
      const { spool, condition } = await openSpool(spoolOptions(MemoryDisk.holding(rest)));
      if (condition === "whole") await expectGoesOn(spool, expected);
      else await expectRetained(spool, expected, 1);
    }
  });
});

async function expectRetained(
  spool: Spool,
  expected: ReadonlyMap<number, string>,
  countMin: number,
): Promise<void> {
  let count = 0;
  for (const number of spool.retained.numbers) {
    await spool.scanRetained(number, {
      record: async ({ found }) => {
        count++;
        expect(found.record.digest).toBe(expected.get(found.record.sequence));
      },
    });
  }
  expect(count).toBeGreaterThanOrEqual(countMin);
}
