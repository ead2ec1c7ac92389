import { dirname } from "node:path";
import { systemCode, systemReason, TailraceError } from "../errors.ts";
import type { Disk } from "./disk.ts";

/**
 * Puts `bytes` in the place of what the file held: it is the old content or the new one, whenever a crash comes. Durable when it resolves.
 * `isPrivate`: for this user alone. Fails with DISK_FAILED; may be called again.
 */
export async function replaceFile(
  disk: Disk,
  path: string,
  bytes: Buffer,
  isPrivate = false,
): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await disk.open(draft, isPrivate ? "private" : "write");
    try {
      await file.truncate(0);
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(draft, path);
    await disk.syncDirectory(dirname(path));
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw new TailraceError("DISK_FAILED", `${path} cannot be written: ${systemReason(cause)}`, {
      cause,
      facts: { path },
    });
  }
}
