import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import {
  type Batch,
  DIGEST_NONE,
  ENVELOPE_VERSION,
  type Envelope,
  type SealedRecord,
} from "../../../../shared/protocol/batch.ts";
import { sealRecord } from "../../../../shared/protocol/sealed-record.ts";

/** An epoch for tests. */
export const EPOCH = "00112233445566778899aabbccddeeff";
/** The minute of 2026-11-20T10:00:00Z. */
export const MINUTE = Date.parse("2026-11-20T10:00:00Z") / 60_000;

/** An aggregate of `count` INFO events of 10 ms each and one ERROR of 30 ms. */
export function sampleAggregate(count: number): Aggregate {
  const aggregate = new Aggregate();
  for (let index = 0; index < count; index++) aggregate.add(LEVEL_INDEX.INFO, 10_000);
  aggregate.add(LEVEL_INDEX.ERROR, 30_000);
  return aggregate;
}

/** A batch of agent `web-1` with 3 events of service `orders` in {@link MINUTE}. */
export function sampleBatch(sequence: number, changes: Partial<Batch> = {}): Batch {
  return {
    agent: "web-1",
    epoch: EPOCH,
    sequence,
    previousDigest: DIGEST_NONE,
    sealedAtMs: MINUTE * 60_000 + 30_000,
    deltas: [
      {
        stream: "application-logs",
        service: "orders",
        minute: MINUTE,
        aggregate: sampleAggregate(2),
      },
    ],
    checkpoints: [],
    sources: [{ source: "app", state: "live", eventTimeMaxMs: MINUTE * 60_000 + sequence * 1_000 }],
    ledger: [
      { source: "app", kind: "aggregated", reason: "", lines: 3 * sequence, bytes: 90 * sequence },
    ],
    tombstone: undefined,
    events: [],
    holes: [],
    selectorRevision: "",
    ...changes,
  };
}

/** Consecutive batches from sequence 1, each naming the digest of the one before. */
export function sampleChain(count: number, changes: Partial<Batch> = {}): SealedRecord[] {
  const records: SealedRecord[] = [];
  for (let sequence = 1; sequence <= count; sequence++) {
    const previousDigest = records.at(-1)?.digest ?? DIGEST_NONE;
    records.push(sealRecord(sampleBatch(sequence, { ...changes, previousDigest })));
  }
  return records;
}

/** An envelope of agent `web-1` around `records`. */
export function sampleEnvelope(
  records: readonly SealedRecord[],
  changes: Partial<Envelope> = {},
): Envelope {
  return {
    version: ENVELOPE_VERSION,
    agent: "web-1",
    epoch: EPOCH,
    logId: "",
    machine: "machine-1",
    records,
    selectorRevision: "",
    ...changes,
  };
}
