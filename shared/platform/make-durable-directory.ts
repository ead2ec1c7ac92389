import { dirname } from "node:path";
import { systemCode } from "../errors.ts";
import type { Disk } from "./disk.ts";

/**
 * Makes a folder and its parents so that they survive a power cut: the entry of every folder that was missing is synced in its parent.
 * Without that a whole data directory, with everything synced in it, may be gone afterwards.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  const missing: string[] = [];
  for (let ancestor = path; !(await exists(disk, ancestor)); ancestor = dirname(ancestor)) {
    missing.push(ancestor);
    if (dirname(ancestor) === ancestor) break;
  }
  await disk.makeDirectory(path);
  for (const made of missing.reverse()) await disk.syncDirectory(dirname(made));
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
