import { join } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import { closeQuietly, diskFailed } from "./read-record.ts";
import { segmentName } from "./segment.ts";

/** Runs `task` on a segment that is open for reading, and closes it. Failures of the disk become DISK_FAILED. */
export async function withSegment<T>(
  place: { readonly disk: Disk; readonly directory: string },
  number: number,
  task: (file: DiskFile, path: string) => Promise<T>,
): Promise<T> {
  const path = join(place.directory, segmentName(number));
  let file: DiskFile | undefined;
  try {
    file = await place.disk.open(path, "read");
    return await task(file, path);
  } catch (cause) {
    if (cause instanceof TailraceError || systemCode(cause) === undefined) throw cause;
    throw diskFailed(path, cause);
  } finally {
    if (file !== undefined) await closeQuietly(file);
  }
}
