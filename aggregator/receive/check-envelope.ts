import type { Checkpoint, Envelope, SealedRecord } from "../../shared/protocol/batch.ts";
import { type ScannedBatch, scanBatch } from "../../shared/protocol/codec.ts";
import { decodeEnvelope, UnknownVersionError } from "../../shared/protocol/envelope.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";
import { digestOf, openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";

/** How much one request may hold. */
export interface EnvelopeLimits {
  readonly recordCountMax: number;
  /** Uncompressed, of one record. */
  readonly recordBytesMax: number;
  /** Uncompressed, of all records of one request together. */
  readonly requestRawBytesMax: number;
}

/** The longest name of an agent or machine, in UTF-16 code units. */
export const NAME_LENGTH_MAX = 256;

/** Times further from the Unix epoch than this are nobody's, and rows cannot hold them. */
const TIME_MS_MAX = 4e15;
/** What the texts of one checkpoint may have together, in UTF-16 code units: longer than any path. */
const CHECKPOINT_TEXT_LENGTH_MAX = 65_536;
const HELD_COUNT_MAX = 50_000;
/** A ledger is one row of stored state, and a commit holds 4 MiB. */
const LEDGER_BYTES_MAX = 3 * 1024 * 1024;

/** An envelope all of whose records are what they claim to be, or why it is refused. */
export type CheckedEnvelope =
  | { readonly envelope: Envelope; readonly batches: readonly ScannedBatch[] }
  | { readonly refusal: Refusal };

/**
 * Reads and checks a request's body without any effect: version, log, sizes before anything is decompressed, digests, and the batches
 * themselves. Only what arrived bit for bit and still is no batch is `malformed_batch`: that code makes the agent give the record up.
 */
export function checkEnvelope(
  body: Buffer,
  logId: string,
  limits: EnvelopeLimits,
): CheckedEnvelope {
  let envelope: Envelope;
  try {
    envelope = decodeEnvelope(body);
  } catch (error) {
    return { refusal: refusalOf(error) };
  }
  const refusal = checkNames(envelope, logId) ?? checkSizes(envelope, limits);
  if (refusal !== undefined) return { refusal };
  const batches: ScannedBatch[] = [];
  for (const record of envelope.records) {
    const checked = checkRecord(record, envelope, limits);
    if ("refusal" in checked) return checked;
    batches.push(checked.batch);
  }
  return { envelope, batches };
}

function refusalOf(error: unknown): Refusal {
  if (error instanceof UnknownVersionError) {
    return { status: 400, code: "unknown_version", detail: `${error.message}.` };
  }
  if (error instanceof MalformedError) return unreadable(error.message);
  throw error;
}

function unreadable(what: string): Refusal {
  return {
    status: 400,
    code: "unreadable_body",
    detail: `The body is not what it claims to be: ${what}. Nothing of it was taken; send it again.`,
  };
}

function checkNames(envelope: Envelope, logId: string): Refusal | undefined {
  for (const [what, name] of [
    ["agent", envelope.agent],
    ["machine", envelope.machine],
  ] as const) {
    if (name.length > NAME_LENGTH_MAX) {
      return unreadable(`the ${what}'s name is longer than ${NAME_LENGTH_MAX} characters`);
    }
  }
  if (envelope.logId === "" || envelope.logId === logId) return undefined;
  return {
    status: 409,
    code: "wrong_log",
    detail:
      `The records are bound to log ${JSON.stringify(envelope.logId.slice(0, 64))}; this is log ${logId}. ` +
      "Point the agent to its own aggregator, or bind its spool to this log with --adopt-log.",
  };
}

/** What must hold before anything is decompressed. */
function checkSizes(envelope: Envelope, limits: EnvelopeLimits): Refusal | undefined {
  const { records } = envelope;
  if (records.length > limits.recordCountMax) {
    return tooLarge(`${records.length} records in one request; at most ${limits.recordCountMax}`);
  }
  let rawBytes = 0;
  for (const record of records) {
    if (record.rawBytes > limits.recordBytesMax) {
      return tooLarge(
        `record ${record.sequence} has ${record.rawBytes} bytes uncompressed; at most ${limits.recordBytesMax}`,
      );
    }
    rawBytes += record.rawBytes;
  }
  if (rawBytes > limits.requestRawBytesMax) {
    return tooLarge(
      `the records have ${rawBytes} bytes uncompressed; at most ${limits.requestRawBytesMax} together`,
    );
  }
  return undefined;
}

function tooLarge(what: string): Refusal {
  return {
    status: 413,
    code: "body_too_large",
    detail: `The request is too large: ${what}. Send less at once, or raise the aggregator's limits.`,
  };
}

function checkRecord(
  record: SealedRecord,
  envelope: Envelope,
  limits: EnvelopeLimits,
): { readonly batch: ScannedBatch } | { readonly refusal: Refusal } {
  let raw: Buffer;
  try {
    raw = openRecord(record, limits.recordBytesMax);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { refusal: unreadable(`record ${record.sequence}: ${error.message}`) };
  }
  const rawDigest = digestOf(raw);
  let batch: ScannedBatch;
  try {
    batch = scanBatch(raw);
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    const isIntact = rawDigest === record.digest;
    return {
      refusal: isIntact ? malformed(record.sequence, error.message) : damaged(record.sequence),
    };
  }
  // A tombstone carries the digest of the record that it replaces instead of its own.
  const digest = batch.tombstone?.replacedDigest ?? rawDigest;
  if (digest !== record.digest) return { refusal: damaged(record.sequence) };
  if (
    batch.agent !== envelope.agent ||
    batch.epoch !== envelope.epoch ||
    batch.sequence !== record.sequence
  ) {
    return { refusal: unreadable(`record ${record.sequence} holds a batch of another name`) };
  }
  const contradiction = findContradiction(batch);
  if (contradiction !== undefined) return { refusal: malformed(record.sequence, contradiction) };
  return { batch };
}

function damaged(sequence: number): Refusal {
  return unreadable(`record ${sequence} does not have its digest`);
}

function malformed(sequence: number, what: string): Refusal {
  return {
    status: 400,
    code: "malformed_batch",
    sequence,
    detail: `Record ${sequence} arrived whole but cannot be counted: ${what}. Sending it again cannot help.`,
  };
}

/** What in a batch cannot be true, or cannot be kept; undefined when all can. */
function findContradiction(batch: ScannedBatch): string | undefined {
  if (Math.abs(batch.sealedAtMs) > TIME_MS_MAX) return "it was sealed beyond all dates";
  for (const { source, eventTimeMaxMs = 0 } of batch.sources) {
    if (source.length > NAME_LENGTH_MAX) {
      return `a source's name is longer than ${NAME_LENGTH_MAX} characters`;
    }
    if (Math.abs(eventTimeMaxMs) > TIME_MS_MAX) return `source ${source} is beyond all dates`;
  }
  for (const checkpoint of batch.checkpoints) {
    const what = checkpointFault(checkpoint);
    if (what !== undefined) {
      return `the checkpoint of file ${checkpoint.file} (${checkpoint.path.slice(0, 4096)}) ${what}`;
    }
  }
  let ledgerBytes = 0;
  for (const { source, reason } of batch.ledger) {
    ledgerBytes += 24 + Buffer.byteLength(source) + Buffer.byteLength(reason);
  }
  return ledgerBytes > LEDGER_BYTES_MAX ? "its ledger is longer than 3 MiB" : undefined;
}

function checkpointFault(checkpoint: Checkpoint): string | undefined {
  const { source, path, device, inode, fingerprint } = checkpoint;
  const textLength = [source, path, device, inode, fingerprint].join("").length;
  if (textLength > CHECKPOINT_TEXT_LENGTH_MAX) return "has longer texts than any file";
  if (checkpoint.held.length > HELD_COUNT_MAX) return `holds more than ${HELD_COUNT_MAX} ranges`;
  if (checkpoint.from > checkpoint.offset) return "begins beyond where it ends";
  let before = 0;
  for (const range of checkpoint.held) {
    if (range.from < before) return "holds ranges that are not ascending and disjoint";
    if (range.to > checkpoint.offset) return "holds bytes beyond where it ends";
    before = range.to;
  }
  return undefined;
}
