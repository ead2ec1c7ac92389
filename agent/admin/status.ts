/** What `GET /v1/status` of an agent answers: one schema for the door and for the commands that ask. */
import { z } from "zod";
import type { LedgerEntry } from "../../shared/protocol/batch.ts";
import { ledgerEntrySchema } from "../../shared/protocol/checkpoint-schema.ts";

const sourceSchema = z.object({
  name: z.string(),
  backlogBytes: z.number(),
  openFileCount: z.number(),
  /** An agent of an earlier version does not say it. */
  unreadableCount: z.number().optional(),
  pendingKeys: z.number(),
});

const fileSchema = z.object({
  source: z.string(),
  file: z.number(),
  path: z.string(),
  generation: z.number(),
  offset: z.number(),
});

const progress = {
  agent: z.string(),
  mode: z.string(),
  isReady: z.boolean(),
  sealed: z.number(),
  accepted: z.number(),
  applied: z.number(),
  spoolBytes: z.number(),
  segmentCount: z.number(),
  isSpoolFull: z.boolean(),
  readBytes: z.number(),
  damageCount: z.number(),
};

/** Schema of {@link StatusAnswer}. */
export const statusSchema = z.object({
  ...progress,
  process: z.number(),
  startedAt: z.string(),
  epoch: z.string().optional(),
  logId: z.string().optional(),
  spoolBytesMax: z.number(),
  bytesPerSecond: z.number(),
  linesPerSecond: z.number(),
  endpoints: z.array(z.string()),
  sources: z.array(sourceSchema),
  /** The first thousand. */
  files: z.array(fileSchema),
  fileCount: z.number(),
  ledger: z.array(ledgerEntrySchema),
  lastProblem: z
    .object({
      at: z.string(),
      level: z.enum(["error", "warn"]),
      message: z.string(),
      facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    })
    .optional(),
});

/** What an agent itself says of its progress. */
export interface AgentProgress extends Readonly<Pick<StatusAnswer, keyof typeof progress>> {
  /** Undefined before the first hello was answered. */
  readonly epoch: string | undefined;
  readonly logId: string | undefined;
  readonly sources: readonly z.output<typeof sourceSchema>[];
  readonly ledger: readonly LedgerEntry[];
  /** Rises as long as reading goes round. */
  readonly turnCount: number;
}

/** An agent as it stands; times as ISO 8601, sizes in bytes, rates over the last minute. */
export type StatusAnswer = z.output<typeof statusSchema>;
