/**
 * The file that remembers an epoch from the moment it is drawn. It is synced before the first hello that names the epoch, so that a hello
 * whose answer was lost, or whose answer was followed by a crash, is repeated with the same epoch and finds the same fence.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { replaceFile } from "../../shared/platform/replace-file.ts";
import { diskFailed } from "./read-record.ts";

const NAME = "epoch";
const LINE = /^([0-9a-f]{32}) ([0-9a-f]{8})\n$/;

/** The remembered epoch; `absent` when none was ever drawn, `damaged` when the file holds something else. Fails with DISK_FAILED. */
export async function readEpoch(
  disk: Disk,
  directory: string,
): Promise<{ readonly epoch: string } | "absent" | "damaged"> {
  const path = join(directory, NAME);
  try {
    const file = await disk.open(path, "read");
    const bytes = Buffer.alloc(64);
    const length = await file.read(bytes, 0, bytes.length, 0);
    await file.close();
    const found = LINE.exec(bytes.toString("latin1", 0, length));
    const [, epoch = "", sum] = found ?? [];
    return found !== null && sum === checksum(epoch) ? { epoch } : "damaged";
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    if (code === "ENOENT") return "absent";
    throw diskFailed(path, cause);
  }
}

/** Remembers `epoch` instead of the one before; durable when it resolves. Fails with DISK_FAILED. */
export function writeEpoch(disk: Disk, directory: string, epoch: string): Promise<void> {
  const line = Buffer.from(`${epoch} ${checksum(epoch)}\n`);
  return replaceFile(disk, join(directory, NAME), line);
}

function checksum(epoch: string): string {
  return crc32(epoch).toString(16).padStart(8, "0");
}
