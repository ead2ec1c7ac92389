/**
 * The file that remembers the aggregator's selectors, so that an agent which starts without contact goes on selecting what was asked for.
 * It is synced before they choose the first event: a revision that a batch names is never forgotten for an older one.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { systemCode } from "../../shared/errors.ts";
import { selectorsSchema } from "../../shared/events/selectors-schema.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { replaceFile } from "../../shared/platform/replace-file.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import { diskFailed } from "./read-record.ts";

const NAME = "selectors";
const CHECKSUM_DIGITS = 8;

/** The remembered selectors; `absent` when there never were any, `damaged` when the file holds something else. Fails with DISK_FAILED. */
export async function readSelectors(
  disk: Disk,
  directory: string,
): Promise<Selectors | "absent" | "damaged"> {
  const path = join(directory, NAME);
  try {
    const text = (await readWholeFile(disk, path)).toString("utf8");
    const body = text.slice(CHECKSUM_DIGITS + 1);
    if (text !== lineOf(body)) return "damaged";
    const parsed = selectorsSchema.safeParse(JSON.parse(body));
    return parsed.success ? parsed.data : "damaged";
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    if (code === "ENOENT") return "absent";
    throw diskFailed(path, cause);
  }
}

/** Remembers `selectors` instead of those before; durable when it resolves. Fails with DISK_FAILED. */
export function writeSelectors(disk: Disk, directory: string, selectors: Selectors): Promise<void> {
  const line = Buffer.from(lineOf(`${JSON.stringify(selectors)}\n`));
  return replaceFile(disk, join(directory, NAME), line);
}

function lineOf(body: string): string {
  return `${crc32(body).toString(16).padStart(CHECKSUM_DIGITS, "0")} ${body}`;
}
