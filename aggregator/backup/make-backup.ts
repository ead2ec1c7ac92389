import { dirname, join } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { type BackupManifest, digestFile, STATE_FILE, writeManifest } from "./backup-folder.ts";

/** What a backup is made of. */
export interface BackupSource {
  readonly logId: string;
  /** Copies the state store as of one commit to a path where no file is, while it goes on to be used. */
  copyState(path: string): Promise<void>;
}

/**
 * Makes a backup in a folder, made when absent, and resolves with what it says of itself. Fails with BACKUP_UNUSABLE when the folder holds
 * something, with DISK_FAILED or STORE_FAILED when the disk does not do. What such a failure leaves behind is no backup; if the disk lets it, nothing.
 */
export async function makeBackup(
  platform: Platform,
  source: BackupSource,
  directory: string,
): Promise<BackupManifest> {
  const { disk } = platform;
  try {
    await makeDurableDirectory(disk, directory);
    if ((await disk.list(directory)).length > 0) {
      throw new TailraceError(
        "BACKUP_UNUSABLE",
        `${directory} is not empty; every backup gets a folder of its own.`,
        { facts: { directory } },
      );
    }
    try {
      return await fill(platform, source, directory);
    } catch (error) {
      await clear(disk, directory);
      throw error;
    }
  } catch (cause) {
    if (systemCode(cause) === undefined || cause instanceof TailraceError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TailraceError("DISK_FAILED", `No backup was made in ${directory}: ${reason}`, {
      cause,
      facts: { directory },
    });
  }
}

async function fill(
  { disk, clock }: Platform,
  source: BackupSource,
  directory: string,
): Promise<BackupManifest> {
  const path = join(directory, STATE_FILE);
  await source.copyState(path);
  const file = await disk.open(path, "write");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.syncDirectory(dirname(path));
  const { bytes: stateBytes, crc32: stateCrc32 } = await digestFile(disk, path);
  const createdAt = new Date(clock.now()).toISOString();
  const said = { logId: source.logId, createdAt, stateBytes, stateCrc32 };
  await writeManifest(disk, directory, said);
  return { format: 1, ...said };
}

/** Removes what a failed backup left, so that it may be tried again in the same folder. */
async function clear(disk: Disk, directory: string): Promise<void> {
  try {
    for (const name of await disk.list(directory)) await disk.remove(join(directory, name));
  } catch (error) {
    // The disk has failed already, which the first error says.
    if (systemCode(error) === undefined) throw error;
  }
}
