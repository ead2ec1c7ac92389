import { describe, expect, it } from "vitest";
import { readSelectors, writeSelectors } from "../../../../agent/spool/selectors-file.ts";
import { MemoryDisk } from "./memory-disk.ts";

const selector = { stream: "größe", keys: ["user"], where: ["type == 'A'"], fields: ["user"] };
const selectors = { revision: "0bad", selectors: [selector] };

describe("the file that remembers selectors", () => {
  it("is absent at first, and then holds the last ones that were written, synced", async () => {
    const disk = new MemoryDisk();
    expect(await readSelectors(disk, "/data")).toBe("absent");
    await writeSelectors(disk, "/data", { revision: "1", selectors: [] });
    await writeSelectors(disk, "/data", selectors);
    expect(await readSelectors(disk.afterPowerCut("lose"), "/data")).toEqual(selectors);
  });

  it("is damaged when its bytes are not what was written", async () => {
    const disk = new MemoryDisk();
    await writeSelectors(disk, "/data", selectors);
    const whole = disk.contents().get("/data/selectors") ?? Buffer.alloc(0);
    for (const bytes of [
      Buffer.alloc(0),
      whole.subarray(0, whole.length - 1),
      Buffer.from(whole.toString().replace("0bad", "0bae")),
    ]) {
      const harmed = MemoryDisk.holding(new Map([["/data/selectors", bytes]]));
      expect(await readSelectors(harmed, "/data")).toBe("damaged");
    }
  });

  it("fails with DISK_FAILED when the disk does", async () => {
    const disk = new MemoryDisk();
    disk.fault = () => "ENOSPC";
    await expect(writeSelectors(disk, "/data", selectors)).rejects.toMatchObject({
      code: "DISK_FAILED",
    });
  });
});
