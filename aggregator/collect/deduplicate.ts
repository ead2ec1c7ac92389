/** Which records of an agent are new: each is applied once and in order, whatever arrives twice, late or from another spool. */
import type { Outcome } from "../../shared/protocol/answers.ts";
import type { SealedRecord } from "../../shared/protocol/batch.ts";
import type { AgentRow } from "../state/agent-row.ts";

/** Digests of this many records below the mark are kept; a copy of an older one cannot be told from something else. */
export const DIGEST_COUNT = 256;

/** Twice as many places, so that digests which are stored a moment before their records count as applied overwrite none that is needed. */
const SLOT_COUNT = 2 * DIGEST_COUNT;

/** Place of a sequence in the ring of digests. */
export function digestSlot(sequence: number): number {
  return sequence % SLOT_COUNT;
}

/** What an epoch is to an agent: the one that counts, one that was fenced off, or one that this log never saw. */
export type EpochStanding = "current" | "retired" | "unknown";

/** See {@link EpochStanding}. */
export function standingOf(row: AgentRow | undefined, epoch: string): EpochStanding {
  if (row === undefined) return "unknown";
  if (row.epoch === epoch) return "current";
  return row.retiredEpochs.includes(epoch) ? "retired" : "unknown";
}

/**
 * The verdict on a record of the current epoch. `previousDigest` is what the record names as the one before it, asked for only when the
 * record is the next; `digestOf` finds a digest in the ring.
 *
 * A record that does not continue the mark means that the agent's spool and this state do not belong together any more (a data directory
 * rolled back or cloned, this aggregator restored from a backup), so everything diverges until the agent says hello.
 */
export function judge(
  row: AgentRow,
  record: SealedRecord,
  previousDigest: () => string | undefined,
  digestOf: (sequence: number) => string | undefined,
): Exclude<Outcome, "fenced"> {
  if (row.diverged) return "diverged";
  if (record.sequence <= row.sequence) {
    if (record.sequence <= row.sequence - DIGEST_COUNT) return "diverged";
    return digestOf(record.sequence) === record.digest ? "duplicate" : "diverged";
  }
  if (record.sequence !== row.sequence + 1) return "diverged";
  return previousDigest() === row.digest ? "applied" : "diverged";
}
