import { crc32 } from "node:zlib";

/** Count of the bytes before an offset that its guard covers at most. */
export const GUARD_BYTES_MAX = 256;

/** A checksum of the bytes before an offset: when it no longer fits, these are not the bytes that were read. */
export interface Guard {
  /** Count of the bytes covered; fewer than {@link GUARD_BYTES_MAX} only near the beginning of a file. */
  readonly guardBytes: number;
  /** CRC-32 of the bytes. */
  readonly guard: number;
}

/** The guard of offset 0. */
export const GUARD_NONE: Guard = { guardBytes: 0, guard: 0 };

/** The guard of the position that `buffer[end]` has in the file; `buffer` holds the bytes before it, as many as there are. */
export function guardBefore(buffer: Buffer, end: number): Guard {
  const guardBytes = Math.min(end, GUARD_BYTES_MAX);
  if (guardBytes === 0) return GUARD_NONE;
  return { guardBytes, guard: crc32(buffer.subarray(end - guardBytes, end)) };
}

/** States whether the guarded bytes are still `bytes`; fewer bytes than it covers never fit. */
export function guardFits(known: Guard, bytes: Uint8Array): boolean {
  if (bytes.length !== known.guardBytes) return false;
  return known.guardBytes === 0 || crc32(bytes) === known.guard;
}
