import { basename, dirname } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";

const DAY_MS = 86_400_000;
/** What a date can show. */
const TIME_MS_MAX = 8.64e15;
/** A small file takes a block of the disk, too. */
const FILE_BYTES_MIN = 4_096;
const ENDING = ".parquet";

/** Ending of a file that is being written. */
export const TEMPORARY_ENDING = ".tmp";

/** One file of the archive. */
export interface ArchiveFile {
  readonly path: string;
  readonly table: string;
  /** Start of its day, milliseconds since the Unix epoch. */
  readonly dayMs: number;
  /** What it takes on disk, about. */
  readonly bytes: number;
}

/** How much the archive may hold. */
export interface ArchiveLimits {
  readonly bytesMax: number;
  /** Days that ended longer ago than this, measured from the watermark, are deleted. */
  readonly retentionMs: number;
}

/** The UTC day of a time, such as `2026-11-25`; times that no date can show count to the nearest day that one can. */
export function dayOf(timeMs: number): string {
  const shown = Math.min(Math.max(timeMs, -TIME_MS_MAX), TIME_MS_MAX);
  return new Date(shown).toISOString().split("T")[0] ?? "";
}

/** The files of an archive, by day and name. What has another name than the archive gives is not listed. */
export async function listArchive(disk: Disk, directory: string): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  for (const path of await pathsBelow(disk, directory, 4)) {
    const file = await statFile(disk, path);
    if (file !== undefined) files.push(file);
  }
  return files.sort((a, b) => a.dayMs - b.dayMs || byName(a, b));
}

/** Files that a crash left half written. */
export async function listTemporary(disk: Disk, directory: string): Promise<string[]> {
  const paths = await pathsBelow(disk, directory, 4);
  return paths.filter((path) => path.endsWith(ENDING + TEMPORARY_ENDING));
}

/** The files that must go: days beyond the retention, and while there is too much, of the oldest day what was written first. */
export function filesToDelete(
  files: readonly ArchiveFile[],
  limits: ArchiveLimits,
  watermarkMs: number | undefined,
): ArchiveFile[] {
  const oldestMs = (watermarkMs ?? Number.NEGATIVE_INFINITY) - limits.retentionMs;
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  return files.filter((file) => {
    if (file.dayMs + DAY_MS > oldestMs && bytes <= limits.bytesMax) return false;
    bytes -= file.bytes;
    return true;
  });
}

async function statFile(disk: Disk, path: string): Promise<ArchiveFile | undefined> {
  const day = basename(dirname(dirname(path)));
  const dayMs = Date.parse(day.replace(/^day=/, ""));
  if (!path.endsWith(ENDING) || !day.startsWith("day=") || Number.isNaN(dayMs)) return undefined;
  const table = basename(dirname(dirname(dirname(path))));
  try {
    const { bytes } = await disk.stat(path);
    return { path, table, dayMs, bytes: Math.max(bytes, FILE_BYTES_MIN) };
  } catch (error) {
    // Deleted in the meantime.
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function pathsBelow(disk: Disk, path: string, depth: number): Promise<string[]> {
  if (depth === 0) return [path];
  let names: string[];
  try {
    names = await disk.list(path);
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
  const below: string[] = [];
  for (const name of names) below.push(...(await pathsBelow(disk, `${path}/${name}`, depth - 1)));
  return below;
}

/** Names hold positions of one width; of several partitions one after the other. */
function byName(a: ArchiveFile, b: ArchiveFile): number {
  const [first, second] = [basename(a.path), basename(b.path)];
  return first < second ? -1 : first > second ? 1 : 0;
}
