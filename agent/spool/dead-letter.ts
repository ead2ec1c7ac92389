/** Records that an aggregator condemned are kept for people, each in a file of its own: an envelope with the one record, as it was sent. */
import { join } from "node:path";
import { systemCode } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import { ENVELOPE_VERSION, type SealedRecord } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import { diskFailed } from "./read-record.ts";

/** A condemned record and where it belongs. */
export interface DeadLetter {
  readonly agent: string;
  readonly epoch: string;
  readonly logId: string;
  readonly machine: string;
  readonly record: SealedRecord;
}

/** Keeps a dead letter below `dataDirectory` and resolves with its path when it is durable. Fails with DISK_FAILED; may be called again. */
export async function keepDeadLetter(
  disk: Disk,
  dataDirectory: string,
  letter: DeadLetter,
): Promise<string> {
  const { record, ...head } = letter;
  const directory = join(dataDirectory, "dead");
  const path = join(directory, `${letter.epoch}-${record.sequence}.envelope`);
  const bytes = encodeEnvelope({
    version: ENVELOPE_VERSION,
    ...head,
    records: [record],
    selectorRevision: "",
  });
  try {
    await makeDurableDirectory(disk, directory);
    const file = await disk.open(path, "write");
    try {
      await file.truncate(0);
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.syncDirectory(directory);
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    throw diskFailed(path, cause);
  }
  return path;
}
