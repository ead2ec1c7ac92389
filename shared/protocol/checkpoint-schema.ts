/** Checks of checkpoints and ledgers where they travel or lie as JSON: in the answer to a hello and in the header of a spool segment. */
import { z } from "zod";
import { type Checkpoint, LEDGER_KINDS, type LedgerEntry } from "./batch.ts";

const count = z.int().min(0);

/** A half-open range of bytes that is not empty. */
export const byteRangeSchema = z
  .object({ from: count, to: count })
  .refine((range) => range.from < range.to, { error: "expected a range that is not empty" });

/** A {@link Checkpoint} in JSON, where `birthMs` and `modifiedMs` are left out or null when undefined. */
export const checkpointSchema = z
  .object({
    source: z.string(),
    file: count,
    path: z.string(),
    device: z.string(),
    inode: z.string(),
    birthMs: z.number().nullish(),
    modifiedMs: z.number().nullish(),
    fingerprintBytes: count,
    fingerprint: z.string(),
    generation: count,
    offset: count,
    from: count,
    guardBytes: count,
    guard: count,
    held: z.array(byteRangeSchema),
    unterminated: z.boolean(),
    complete: z.boolean(),
    removed: z.boolean(),
  })
  .transform(
    (found): Checkpoint => ({
      ...found,
      birthMs: found.birthMs ?? undefined,
      modifiedMs: found.modifiedMs ?? undefined,
    }),
  );

/** A {@link LedgerEntry} in JSON. */
export const ledgerEntrySchema = z.object({
  source: z.string(),
  kind: z.enum(LEDGER_KINDS),
  reason: z.string(),
  lines: count,
  bytes: count,
}) satisfies z.ZodType<LedgerEntry>;
