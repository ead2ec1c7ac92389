import { describe, expect, it } from "vitest";
import { readEpoch, writeEpoch } from "../../../../agent/spool/epoch-file.ts";
import { Killed, MemoryDisk } from "./memory-disk.ts";
import { EPOCH, EPOCH_TWO } from "./sample-spool.ts";

describe("the file that remembers an epoch", () => {
  it("is absent at first, and then holds the last one that was written", async () => {
    const disk = new MemoryDisk();
    expect(await readEpoch(disk, "/data")).toBe("absent");
    await writeEpoch(disk, "/data", EPOCH);
    await writeEpoch(disk, "/data", EPOCH_TWO);
    expect(await readEpoch(disk.afterPowerCut("lose"), "/data")).toEqual({ epoch: EPOCH_TWO });
  });

  it("OFF-02 is damaged when its bytes are not what was written", async () => {
    const disk = new MemoryDisk();
    await writeEpoch(disk, "/data", EPOCH);
    for (const text of [
      "",
      EPOCH,
      `${EPOCH_TWO}${[...disk.contents().values()][0]?.toString().slice(32)}`,
    ]) {
      const harmed = MemoryDisk.holding(new Map([["/data/epoch", Buffer.from(text)]]));
      expect(await readEpoch(harmed, "/data")).toBe("damaged");
    }
  });

  it.each(["lose", "keep", "tear"] as const)(
    "killed at any change is the old or the new one, unsynced bytes: %s",
    async (cut) => {
      for (let killAt = 0; ; killAt++) {
        const disk = new MemoryDisk();
        await writeEpoch(disk, "/data", EPOCH);
        disk.killAt = disk.changeCount + killAt;
        let isKilled = false;
        await writeEpoch(disk, "/data", EPOCH_TWO).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
          isKilled = true;
        });
        const found = await readEpoch(disk.afterPowerCut(cut), "/data");
        expect([{ epoch: EPOCH }, { epoch: EPOCH_TWO }]).toContainEqual(found);
        if (isKilled) continue;
        expect(found).toEqual({ epoch: EPOCH_TWO });
        expect(killAt).toBeGreaterThan(3);
        return;
      }
    },
  );

  it("fails with DISK_FAILED when the disk does", async () => {
    const disk = new MemoryDisk();
    disk.fault = () => "ENOSPC";
    await expect(writeEpoch(disk, "/data", EPOCH)).rejects.toMatchObject({ code: "DISK_FAILED" });
  });
});
