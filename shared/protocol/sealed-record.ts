/** Between a batch and what lies in the spool and travels: compression, sizes, digests. */
import { hash } from "node:crypto";
import { compressSync, uncompressSync } from "lz4-napi";
import { assert } from "../assert.ts";
import type { Batch, SealedRecord } from "./batch.ts";
import { encodeBatch } from "./codec.ts";
import { MalformedError } from "./wire.ts";

/** The digest of a record's uncompressed bytes: the first 16 bytes of their SHA-256, as lower-case hex. */
export function digestOf(raw: Uint8Array): string {
  return hash("sha256", raw, "hex").slice(0, 32);
}

/** Seals a batch. A tombstone keeps the digest of the record that it replaces, so that the chain stays whole. */
export function sealRecord(batch: Batch): SealedRecord {
  const raw = encodeBatch(batch);
  return {
    sequence: batch.sequence,
    digest: batch.tombstone?.replacedDigest ?? digestOf(raw),
    rawBytes: raw.length,
    payload: compressSync(raw),
  };
}

/**
 * The uncompressed bytes of a record, without looking into them.
 * Throws {@link MalformedError} when the size before the compressed bytes is not the record's or beyond `rawBytesMax` (a forged one would
 * allocate gigabytes), or when they do not decompress to that size. Compare {@link digestOf} afterwards: a tombstone's differs.
 */
export function openRecord(record: SealedRecord, rawBytesMax: number): Buffer {
  const { payload, rawBytes } = record;
  if (rawBytes > rawBytesMax) {
    throw new MalformedError(
      `the record has ${rawBytes} bytes uncompressed; at most ${rawBytesMax} are taken`,
    );
  }
  if (payload.length < 4 || payload.readUInt32LE(0) !== rawBytes) {
    throw new MalformedError("the size before the compressed bytes is not the record's");
  }
  let raw: Buffer;
  try {
    raw = uncompressSync(payload);
  } catch (cause) {
    throw new MalformedError("the record does not decompress", { cause });
  }
  if (raw.length !== rawBytes) throw new MalformedError("the record decompresses to another size");
  assert(raw.length <= rawBytesMax, "a checked size holds");
  return raw;
}
