import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeBackup } from "../../../../aggregator/backup/make-backup.ts";
import { RESTORING_FILE, restoreBackup } from "../../../../aggregator/backup/restore-backup.ts";
import { revisionBase } from "../../../../aggregator/state/restored-row.ts";
import { openSqliteStore } from "../../../../aggregator/state/sqlite-store.ts";
import type { Disk } from "../../../../shared/platform/disk.ts";
import { realPlatform } from "../../../../shared/platform/real-platform.ts";

const { disk } = realPlatform;
let home: string;
let backup: string;
let pristine: string;
let dataDir: string;

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "restore-backup-"));
  backup = join(home, "backup");
  pristine = join(home, "pristine");
  dataDir = join(home, "data");
  const store = await openSqliteStore(disk, join(pristine, "state.sqlite"));
  await store.commit([{ key: "which", value: Buffer.from("backed up") }]);
  const source = { logId: "log-1", copyState: (path: string) => store.backup(path) };
  await makeBackup(realPlatform, source, backup);
  await store.commit([{ key: "which", value: Buffer.from("later") }]);
  await store.close();
  mkdirSync(join(pristine, "log"));
  writeFileSync(join(pristine, "log", "batches-000000000000000.log"), "segment");
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

async function whichState(): Promise<string | undefined> {
  const path = join(dataDir, "state.sqlite");
  if (!existsSync(path)) return undefined;
  const store = await openSqliteStore(disk, path);
  const which = store.get("which")?.toString();
  await store.close();
  return which;
}

/** A disk of which the call of that number fails, and every later one, as if the process were gone. */
function failingFrom(number: number): { readonly disk: Disk; readonly callCount: () => number } {
  let count = 0;
  const check = () => {
    count++;
    if (count >= number) throw Object.assign(new Error("gone"), { code: "EIO" });
  };
  const failing: Disk = {
    ...disk,
    open: async (path, mode) => {
      check();
      return disk.open(path, mode);
    },
    rename: async (from, to) => {
      check();
      await disk.rename(from, to);
    },
    remove: async (path) => {
      check();
      await disk.remove(path);
    },
    syncDirectory: async (path) => {
      check();
      await disk.syncDirectory(path);
    },
  };
  return { disk: failing, callCount: () => count };
}

const restore = (on: Disk = disk) =>
  restoreBackup(
    { ...realPlatform, disk: on },
    { backup, dataDir, archive: undefined, mayReplace: true },
  );

describe("a restore", () => {
  it("puts what was there aside, and lets revisions begin at its time", async () => {
    cpSync(pristine, dataDir, { recursive: true });
    const beforeMs = realPlatform.clock.now();
    const { movedTo = "", logId } = await restore();
    expect([logId, await whichState()]).toEqual(["log-1", "backed up"]);
    expect(existsSync(join(movedTo, "state.sqlite"))).toBe(true);
    expect(existsSync(join(movedTo, "log", "batches-000000000000000.log"))).toBe(true);
    const store = await openSqliteStore(disk, join(dataDir, "state.sqlite"));
    expect(revisionBase(store)).toBeGreaterThanOrEqual(Math.floor(beforeMs / 10));
    await store.close();
  });

  it("that stops at any call of the disk leaves the old state, or none that starts; run again it is done", async () => {
    cpSync(pristine, dataDir, { recursive: true });
    const { disk: counting, callCount } = failingFrom(Number.POSITIVE_INFINITY);
    await restore(counting);
    const calls = callCount();
    expect(calls).toBeGreaterThan(15);
    for (let number = 1; number <= calls; number++) {
      rmSync(dataDir, { recursive: true });
      cpSync(pristine, dataDir, { recursive: true });
      await expect(restore(failingFrom(number).disk), `call ${number}`).rejects.toThrow("gone");
      if (!existsSync(join(dataDir, RESTORING_FILE))) {
        // The last call makes it durable that the mark is gone.
        expect(["later", number === calls ? "backed up" : "later"]).toContain(await whichState());
      }
      await restore();
      expect([number, await whichState()]).toEqual([number, "backed up"]);
      expect(existsSync(join(dataDir, RESTORING_FILE))).toBe(false);
    }
  }, 60_000);

  it("puts files of the archive aside that hold what is archived again", async () => {
    const archive = join(home, "archive");
    const folder = join(archive, "events", "day=2026-11-20", "stream=a");
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "p0-000-007.parquet"), "new");
    const { movedTo = "" } = await restoreBackup(realPlatform, {
      ...{ backup, dataDir, archive, mayReplace: false },
    });
    expect(existsSync(join(folder, "p0-000-007.parquet"))).toBe(false);
    const aside = join(movedTo, "events", "day=2026-11-20", "stream=a", "p0-000-007.parquet");
    expect(existsSync(aside)).toBe(true);
  });

  it("puts files of an archive on another file system aside, too", async () => {
    const archive = join(home, "archive");
    const folder = join(archive, "events", "day=2026-11-20", "stream=a");
    const name = "p0-000-007.parquet";
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, name), "new");
    const rename = async (from: string, to: string) => {
      if (from.startsWith(archive) !== to.startsWith(archive)) {
        throw Object.assign(new Error("other file system"), { code: "EXDEV" });
      }
      await disk.rename(from, to);
    };
    const { movedTo = "" } = await restoreBackup(
      { ...realPlatform, disk: { ...disk, rename } },
      { ...{ backup, dataDir, archive, mayReplace: false } },
    );
    expect(existsSync(join(folder, name))).toBe(false);
    const aside = join(movedTo, "events", "day=2026-11-20", "stream=a", name);
    expect(readFileSync(aside, "utf8")).toBe("new");
    expect(existsSync(join(dataDir, RESTORING_FILE))).toBe(false);
  });
});
