import { type MadeBatch, makeBatch } from "../../../../agent/spool/make-batch.ts";
import { openSpool } from "../../../../agent/spool/open-spool.ts";
import type { SegmentHeader } from "../../../../agent/spool/segment.ts";
import type { Spool } from "../../../../agent/spool/spool.ts";
import { Aggregate } from "../../../../shared/aggregates/aggregate.ts";
import { present } from "../../../../shared/assert.ts";
import { type Checkpoint, DIGEST_NONE } from "../../../../shared/protocol/batch.ts";
import type { MemoryDisk } from "./memory-disk.ts";

export const EPOCH = "0123456789abcdef0123456789abcdef";
export const EPOCH_TWO = "fedcba9876543210fedcba9876543210";
export const SPOOL_FOLDER = "/data/spool";

/** A spool's options on this disk; small segments. */
export function spoolOptions(disk: MemoryDisk) {
  return {
    disk,
    directory: SPOOL_FOLDER,
    agent: "web-1",
    bytesMax: 1_000_000,
    segmentBytes: 600,
  };
}

/** The first header of an epoch that knows nothing. */
export function emptyHeader(epoch: string = EPOCH): SegmentHeader {
  return {
    agent: "web-1",
    epoch,
    logId: "log-1",
    before: undefined,
    nextSequence: 1,
    previousDigest: DIGEST_NONE,
    nextFile: 0,
    sources: ["app"],
    starts: [],
    checkpoints: [],
    ledger: [],
  };
}

/** A checkpoint of file 0, at an offset. */
export function sampleCheckpoint(changes: Partial<Checkpoint>): Checkpoint {
  return {
    source: "app",
    file: 0,
    path: "/var/log/app.log",
    device: "1",
    inode: "7",
    birthMs: undefined,
    modifiedMs: undefined,
    fingerprintBytes: 4,
    fingerprint: "00000000",
    generation: 0,
    offset: 0,
    from: 0,
    guardBytes: 4,
    guard: 1,
    held: [],
    unterminated: false,
    complete: false,
    removed: false,
    ...changes,
  };
}

/** The event of every sample batch, but for its offset. */
const SAMPLE_EVENT = {
  ...{ stream: "application-logs", source: "app", file: 0, generation: 0, index: 0 },
  ...{ timeMs: 60_000, type: "SAMPLE", fields: { user: "u1" } },
};

/** The batch that follows what the spool holds: ten bytes more of file 0, one line each. */
export function nextBatch(spool: Spool): MadeBatch {
  const state = present(spool.state, "the state");
  const offset = state.checkpoint(0)?.offset ?? 0;
  const aggregate = new Aggregate();
  aggregate.add(2, state.nextSequence);
  const lines = state.nextSequence;
  const entry = {
    source: "app",
    kind: "aggregated",
    reason: "",
    lines,
    bytes: lines * 10,
  } as const;
  return makeBatch(
    state,
    [
      {
        deltas: [{ stream: "application-logs", service: "s", minute: 1, aggregate }],
        events: [{ ...SAMPLE_EVENT, offset }],
        holes: [],
        checkpoints: [sampleCheckpoint({ from: offset, offset: offset + 10 })],
        report: { source: "app", state: "live", eventTimeMaxMs: 60_000 },
        ledger: [entry],
        ledgerBefore: state.ledger(),
      },
    ],
    { sealedAtMs: 1000, selectorRevision: "0bad" },
  );
}

/** Appends so many batches. */
export async function fill(spool: Spool, count: number): Promise<void> {
  for (let step = 0; step < count; step++) {
    const { batch, notes } = nextBatch(spool);
    await spool.append(batch, notes);
  }
}

/** A new spool with so many records. */
export async function filledSpool(disk: MemoryDisk, count: number): Promise<Spool> {
  const { spool } = await openSpool(spoolOptions(disk));
  await spool.begin(emptyHeader());
  await fill(spool, count);
  return spool;
}

/** Digest of every record that can be read, by sequence. */
export async function digestsOf(spool: Spool): Promise<Map<number, string>> {
  const digests = new Map<number, string>();
  for (let next = spool.firstSequence; next <= spool.lastSequence; ) {
    for (const record of await spool.read(next, 1000)) {
      digests.set(record.sequence, record.digest);
      next = record.sequence + 1;
    }
  }
  return digests;
}
