/**
 * The bytes of one record of the spool, as FORMAT.md draws them. The payload is what is sent, unchanged.
 *
 * The checksum starts from the epoch, so that bytes of another epoch, or bytes that a log line smuggled into a payload, are never taken for a
 * record when recovery searches behind a damaged one.
 */
import { crc32 } from "node:zlib";
import { z } from "zod";
import { assert } from "../../shared/assert.ts";
import type { ByteRange, LedgerEntry, SealedRecord } from "../../shared/protocol/batch.ts";
import { byteRangeSchema, ledgerEntrySchema } from "../../shared/protocol/checkpoint-schema.ts";

/** Length of what stands before the body of a record. */
export const FRAME_BYTES = 12;

/** Longest body of a record; a longer one is never written and never believed. */
export const BODY_BYTES_MAX: number = 64 * 1024 * 1024;

const MARK = Buffer.from("\x9eTSr", "latin1");
const BODY_HEAD_BYTES = 33;
const DIGEST_BYTES = 16;

/** `sealed`: a batch. `tombstone`: what is sent instead of an earlier batch that was condemned. */
export type RecordKind = "sealed" | "tombstone";

/** What the agent itself needs to know of a record when the spool is opened again; never sent. */
export interface RecordNotes {
  /** What the record adds to the cumulative ledger; entries of kind `held` are the new level. May be negative in a tombstone. */
  readonly ledger: readonly LedgerEntry[];
  /** The held ranges of the record's files as they were before it; files without any are left out. */
  readonly heldBefore: readonly HeldBefore[];
}

/** The held ranges of one generation of a file. */
export interface HeldBefore {
  readonly file: number;
  readonly generation: number;
  readonly ranges: readonly ByteRange[];
}

/** A record of the spool. */
export interface SpoolRecord {
  readonly kind: RecordKind;
  readonly record: SealedRecord;
  readonly notes: RecordNotes;
}

/** A record as found on the disk; its notes are still bytes. */
export interface FoundRecord {
  readonly kind: RecordKind;
  readonly record: SealedRecord;
  readonly notesBytes: Buffer;
  /** Length of the whole frame. */
  readonly bytes: number;
}

/** What the checksums of an epoch's records start from. */
export function epochSalt(epoch: string): number {
  return crc32(Buffer.from(epoch, "hex"));
}

/** The bytes of a record. */
export function encodeRecord(entry: SpoolRecord, salt: number): Buffer {
  const { record, kind } = entry;
  const notes = Buffer.from(JSON.stringify(entry.notes));
  const bodyBytes = BODY_HEAD_BYTES + notes.length + record.payload.length;
  assert(bodyBytes <= BODY_BYTES_MAX, "a record of the spool is at most 64 MiB long");
  const bytes = Buffer.alloc(FRAME_BYTES + bodyBytes);
  MARK.copy(bytes, 0);
  bytes.writeUInt32LE(bodyBytes, 4);
  bytes.writeUInt8(kind === "sealed" ? 1 : 2, 12);
  bytes.writeBigUInt64LE(BigInt(record.sequence), 13);
  const written = bytes.write(record.digest, 21, DIGEST_BYTES, "hex");
  assert(written === DIGEST_BYTES, "a digest is 32 hexadecimal digits");
  bytes.writeUInt32LE(record.rawBytes, 37);
  bytes.writeUInt32LE(notes.length, 41);
  notes.copy(bytes, FRAME_BYTES + BODY_HEAD_BYTES);
  record.payload.copy(bytes, FRAME_BYTES + BODY_HEAD_BYTES + notes.length);
  bytes.writeUInt32LE(checksum(bytes, salt), 8);
  return bytes;
}

/** Length of the frame that `head` announces, unchecked; undefined when no record begins so. `head` has {@link FRAME_BYTES} bytes. */
export function announcedBytes(head: Buffer): number | undefined {
  if (head.length < FRAME_BYTES || !head.subarray(0, MARK.length).equals(MARK)) return undefined;
  const bodyBytes = head.readUInt32LE(4);
  if (bodyBytes < BODY_HEAD_BYTES || bodyBytes > BODY_BYTES_MAX) return undefined;
  return FRAME_BYTES + bodyBytes;
}

/** The record whose frame is exactly `bytes`, or undefined when they were not written so. The parts point into `bytes`. */
export function decodeRecord(bytes: Buffer, salt: number): FoundRecord | undefined {
  if (announcedBytes(bytes) !== bytes.length) return undefined;
  if (checksum(bytes, salt) !== bytes.readUInt32LE(8)) return undefined;
  const kind = bytes.readUInt8(12);
  if (kind !== 1 && kind !== 2) return undefined;
  const notesFrom = FRAME_BYTES + BODY_HEAD_BYTES;
  const notesTo = notesFrom + bytes.readUInt32LE(41);
  if (notesTo > bytes.length) return undefined;
  return {
    kind: kind === 1 ? "sealed" : "tombstone",
    record: {
      sequence: Number(bytes.readBigUInt64LE(13)),
      digest: bytes.toString("hex", 21, 21 + DIGEST_BYTES),
      rawBytes: bytes.readUInt32LE(37),
      payload: bytes.subarray(notesTo),
    },
    notesBytes: bytes.subarray(notesFrom, notesTo),
    bytes: bytes.length,
  };
}

/** Offset of the next mark of a record in `bytes` at or behind `from`, or -1. */
export function findMark(bytes: Buffer, from: number): number {
  return bytes.indexOf(MARK, from);
}

const heldBeforeSchema = z.object({
  file: z.int().min(0),
  generation: z.int().min(0),
  ranges: z.array(byteRangeSchema),
});

const notesSchema = z.object({
  ledger: z.array(ledgerEntrySchema.extend({ lines: z.int(), bytes: z.int() })),
  heldBefore: z.array(heldBeforeSchema),
});

/** The notes of a record. Throws when they are none, which a good checksum excludes. */
export function readNotes(notesBytes: Buffer): RecordNotes {
  return notesSchema.parse(JSON.parse(notesBytes.toString("utf8")));
}

// The mark is not covered: it is compared. Length and body are.
function checksum(bytes: Buffer, salt: number): number {
  return crc32(bytes.subarray(FRAME_BYTES), crc32(bytes.subarray(4, 8), salt));
}
