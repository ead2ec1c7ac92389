import { dirname } from "node:path";
import { systemCode } from "../errors.ts";
import type { Disk } from "./disk.ts";

/** Why a folder that this program did not make now may not be synced: not ours to read, or its file system knows no such thing. */
const NOT_SYNCED: readonly (string | undefined)[] = [
  ...["EACCES", "EPERM", "EROFS", "EINVAL", "ENOTSUP", "EOPNOTSUPP"],
];

/**
 * Makes a folder and its parents so that they survive a power cut: the entry of every one of them is synced in its parent, from the outermost on.
 * Without that a whole data directory, with everything synced in it, may be gone afterwards. That a folder is there says nothing: whoever
 * made it may have died before it was durable. A folder that was there and cannot be synced is taken for durable.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const folders: { readonly path: string; readonly isMade: boolean }[] = [];
  for (let folder = path; ; folder = dirname(folder)) {
    folders.unshift({ path: folder, isMade: !(await exists(disk, folder)) });
    if (dirname(folder) === folder) break;
  }
  await disk.makeDirectory(path);
  for (const { path: folder, isMade } of folders) {
    const parent = dirname(folder);
    if (parent === folder) continue;
    try {
      await disk.syncDirectory(parent);
    } catch (error) {
      if (isMade || !NOT_SYNCED.includes(systemCode(error))) throw error;
    }
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
