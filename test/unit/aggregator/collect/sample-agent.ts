import type { LogRecord } from "../../../../aggregator/log/log.ts";
import {
  type EnvelopeEntry,
  encodeLogEntry,
  type FenceEntry,
  type LogEntry,
} from "../../../../aggregator/log/log-entry.ts";
import { Aggregate, LEVEL_INDEX } from "../../../../shared/aggregates/aggregate.ts";
import {
  type Batch,
  type Checkpoint,
  type Delta,
  DIGEST_NONE,
  ENVELOPE_VERSION,
  type SealedRecord,
} from "../../../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../../../shared/protocol/envelope.ts";
import { sealRecord } from "../../../../shared/protocol/sealed-record.ts";
import { EMPTY_BATCH } from "../../shared/protocol/sample-batch.ts";

/** 2026-11-20T10:00:00Z. */
export const TEN_MS = Date.UTC(2026, 10, 20, 10);
/** Its minute. */
export const TEN = TEN_MS / 60_000;

/** A delta of `count` INFO events of 10 ms each, or as told. */
export function delta(service: string, minute: number, count = 1, errors = 0): Delta {
  const aggregate = new Aggregate();
  for (let index = 0; index < count; index++) {
    const level = index < errors ? LEVEL_INDEX.ERROR : LEVEL_INDEX.INFO;
    aggregate.add(level, 10_000 * (index + 1));
  }
  return { stream: "application-logs", service, minute, aggregate };
}

/** A checkpoint of one file. */
export function checkpoint(file: number, changes: Partial<Checkpoint> = {}): Checkpoint {
  return {
    source: "app",
    file,
    path: `/var/log/app-${file}.log`,
    device: "64769",
    inode: String(1000 + file),
    birthMs: undefined,
    modifiedMs: undefined,
    fingerprintBytes: 2,
    fingerprint: "abcd",
    generation: 0,
    offset: 100,
    from: 0,
    guardBytes: 4,
    guard: 7,
    held: [],
    unterminated: false,
    complete: false,
    removed: false,
    ...changes,
  };
}

/** Makes the entries that an agent's spool would send. */
export class SampleAgent {
  readonly agent: string;
  epoch: string;
  sequence = 0;
  digest = DIGEST_NONE;

  constructor(agent: string, epochNumber = 1) {
    this.agent = agent;
    this.epoch = epochOf(agent, epochNumber);
  }

  /** Its hello with a fence number. */
  fence(number: number, machine = "machine-1"): FenceEntry {
    return { kind: "fence", tenant: "", agent: this.agent, number, epoch: this.epoch, machine };
  }

  /** Another spool of the same name, at the beginning of a new epoch. */
  renew(epochNumber: number): SampleAgent {
    return new SampleAgent(this.agent, epochNumber);
  }

  /** A spool that stands where this one stands: a clone of its data directory. */
  clone(): SampleAgent {
    const clone = new SampleAgent(this.agent);
    clone.epoch = this.epoch;
    clone.sequence = this.sequence;
    clone.digest = this.digest;
    return clone;
  }

  /** Seals the next batch. */
  seal(changes: Partial<Batch> = {}): SealedRecord {
    this.sequence++;
    const record = sealRecord({
      ...EMPTY_BATCH,
      agent: this.agent,
      epoch: this.epoch,
      sequence: this.sequence,
      previousDigest: this.digest,
      sealedAtMs: TEN_MS,
      ...changes,
    });
    this.digest = record.digest;
    return record;
  }

  /** An envelope of records. */
  envelope(records: readonly SealedRecord[]): EnvelopeEntry {
    const { agent, epoch } = this;
    const envelope = encodeEnvelope({
      version: ENVELOPE_VERSION,
      agent,
      epoch,
      logId: "",
      machine: "machine-1",
      selectorRevision: "",
      records,
    });
    return { kind: "envelope", tenant: "", agent, envelope };
  }

  /** Seals one batch and puts it into an envelope of its own. */
  send(changes: Partial<Batch> = {}): EnvelopeEntry {
    return this.envelope([this.seal(changes)]);
  }
}

/** A report of the source `app`. */
export function report(
  eventTimeMaxMs: number | undefined,
  state: "live" | "idle" | "ended" = "live",
): Batch["sources"] {
  return [{ source: "app", state, eventTimeMaxMs }];
}

/** A record of the log. */
export function logRecord(position: number, appendedAtMs: number, entry: LogEntry): LogRecord {
  return { position, appendedAtMs, payload: encodeLogEntry(entry) };
}

function epochOf(agent: string, epochNumber: number): string {
  return Buffer.from(`${epochNumber}:${agent}`.padEnd(16, ".").slice(0, 16)).toString("hex");
}
