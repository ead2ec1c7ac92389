import { basename, dirname, join, relative } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { firstWaitingPosition } from "../state/archive-rows.ts";
import { restoredChange } from "../state/restored-row.ts";
import { openSqliteStore } from "../state/sqlite-store.ts";
import { copyFile, readManifest, STATE_FILE, unusable } from "./backup-folder.ts";

/** Stands in a data folder while a restore is under way; no aggregator starts then. */
export const RESTORING_FILE = "restoring";
const LOG_FOLDER = "log";
/** The store, its write-ahead log and index, and the log. */
const REPLACED = [STATE_FILE, `${STATE_FILE}-wal`, `${STATE_FILE}-shm`, LOG_FOLDER];

/** What is to be restored, and where. */
export interface Restore {
  /** The backup's folder. */
  readonly backup: string;
  readonly dataDir: string;
  /** The folder of the archive; undefined when there is none. */
  readonly archive: string | undefined;
  /** Whether a state that is there may be put aside. */
  readonly mayReplace: boolean;
}

/** What a restore did. */
export interface Restored {
  readonly createdAt: string;
  readonly logId: string;
  /** Where what was there before is; undefined when nothing was. */
  readonly movedTo: string | undefined;
}

/**
 * Puts a backup in the place of what a data folder holds; see FORMAT.md. Fails with BACKUP_UNUSABLE, FORMAT_UNKNOWN, LOCK_HELD when an
 * aggregator runs there, RESTORE_REFUSED when there is a state and it may not be replaced, or as the disk does.
 */
export async function restoreBackup(platform: Platform, restore: Restore): Promise<Restored> {
  const { disk, clock } = platform;
  const { backup, dataDir, mayReplace } = restore;
  const { createdAt, logId, stateBytes, stateCrc32 } = await readManifest(disk, backup);
  const source = join(backup, STATE_FILE);
  await makeDurableDirectory(disk, dataDir);
  await disk.makeDirectory(join(dataDir, LOG_FOLDER));
  const lock = await disk.lock(join(dataDir, LOG_FOLDER, "lock"));
  if (lock === undefined) {
    throw new TailraceError("LOCK_HELD", `An aggregator uses ${dataDir}. Stop it first.`);
  }
  try {
    const isResumed = await exists(disk, join(dataDir, RESTORING_FILE));
    if (!mayReplace && !isResumed && (await exists(disk, join(dataDir, STATE_FILE)))) {
      throw new TailraceError(
        "RESTORE_REFUSED",
        `${dataDir} holds a state. With --replace it is put aside there, and the backup takes its place.`,
      );
    }
    const fresh = join(dataDir, `${STATE_FILE}.restored`);
    if (await exists(disk, fresh)) await disk.remove(fresh);
    const copied = await copyFile(disk, source, fresh);
    if (copied.bytes !== stateBytes || copied.crc32 !== stateCrc32) {
      await disk.remove(fresh);
      throw unusable(backup, `${STATE_FILE} is not what was written`);
    }
    await mark(disk, dataDir);
    const nowMs = clock.now();
    const aside = new Aside(disk, join(dataDir, `before-restore-${stamp(nowMs)}`));
    for (const name of REPLACED) await aside.take(dataDir, name);
    await disk.rename(fresh, join(dataDir, STATE_FILE));
    await disk.syncDirectory(dataDir);
    const firstUnknown = await adopt(disk, dataDir, nowMs);
    if (restore.archive !== undefined) await putAside(disk, restore.archive, firstUnknown, aside);
    await disk.remove(join(dataDir, RESTORING_FILE));
    await disk.syncDirectory(dataDir);
    return { createdAt, logId, movedTo: aside.used };
  } finally {
    await lock.release();
  }
}

/** Writes into the store that it was restored; resolves with the first position of the archive whose file it does not know. */
async function adopt(disk: Disk, dataDir: string, nowMs: number): Promise<number> {
  const store = await openSqliteStore(disk, join(dataDir, STATE_FILE));
  try {
    await store.commit([restoredChange(nowMs)]);
    return firstWaitingPosition(store);
  } finally {
    await store.close();
  }
}

/** Moves files of the archive aside that hold positions which the restored state will give again. */
async function putAside(
  disk: Disk,
  archive: string,
  firstUnknown: number,
  aside: Aside,
): Promise<void> {
  for (const path of await disk.glob(join(archive, "*/*/*/*.parquet"))) {
    const [, , last] = /^p(\d+)-\d+-(\d+)\.parquet$/.exec(basename(path)) ?? [];
    if (last === undefined || Number(last) < firstUnknown) continue;
    await aside.take(archive, relative(archive, path));
  }
}

async function mark(disk: Disk, dataDir: string): Promise<void> {
  const file = await disk.open(join(dataDir, RESTORING_FILE), "write");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(dataDir);
}

/** A folder for what was there before; made when something comes into it. */
class Aside {
  readonly #disk: Disk;
  readonly #directory: string;
  used: string | undefined;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async take(parent: string, name: string): Promise<void> {
    const source = join(parent, name);
    if (!(await exists(this.#disk, source))) return;
    const target = join(this.#directory, name);
    await makeDurableDirectory(this.#disk, dirname(target));
    await move(this.#disk, source, target);
    await this.#disk.syncDirectory(dirname(target));
    await this.#disk.syncDirectory(dirname(source));
    this.used = this.#directory;
  }
}

/** Moves a file or folder; a file also to another file system, where an archive may be. */
async function move(disk: Disk, source: string, target: string): Promise<void> {
  try {
    await disk.rename(source, target);
  } catch (error) {
    if (systemCode(error) !== "EXDEV") throw error;
    await copyFile(disk, source, target);
    await disk.syncDirectory(dirname(target));
    await disk.remove(source);
  }
}

async function exists(disk: Disk, path: string): Promise<boolean> {
  try {
    await disk.stat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** A time as part of a name: `20261126T013000.123Z`. */
function stamp(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:]/g, "");
}
