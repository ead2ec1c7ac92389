import { dirname } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { diskFailed } from "./read-record.ts";

/**
 * Puts `bytes` in the place of what the file held: it is the old content or the new one, whenever a crash comes. Durable when it resolves.
 * Fails with DISK_FAILED; may be called again.
 */
export async function writeDurably(disk: Disk, path: string, bytes: Buffer): Promise<void> {
  const draft = `${path}.new`;
  try {
    const file = await disk.open(draft, "write");
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
    throw diskFailed(path, cause);
  }
}
