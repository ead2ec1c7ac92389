import type { ReadableFile } from "../../shared/platform/disk.ts";
import { FINGERPRINT_BYTES_MAX } from "./fingerprint.ts";
import { GUARD_BYTES_MAX } from "./guard.ts";
import { beginsLike, type Content, compareContent, type KnownFile } from "./match-file.ts";

/** Reads `length` bytes at `position`, fewer where the file ends. */
export async function readBytes(
  handle: ReadableFile,
  position: number,
  length: number,
): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const target = Buffer.allocUnsafe(length);
  const count = await handle.read(target, 0, length, position);
  return target.subarray(0, count);
}

/** Reads the first bytes of a file, as many as a fingerprint can cover. */
export function readHead(handle: ReadableFile): Promise<Buffer> {
  return readBytes(handle, 0, FINGERPRINT_BYTES_MAX);
}

/** Compares the bytes behind a handle with what is known of a file. `head` was read from the handle. */
export async function probeContent(
  handle: ReadableFile,
  head: Buffer,
  known: Pick<KnownFile, "fingerprint" | "head" | "offset" | "guard">,
): Promise<Content> {
  // Nothing further is read, or unpacked, of what begins otherwise.
  if (!beginsLike(known, head)) return "other";
  const { guardBytes } = known.guard;
  const beforeOffset = await readBytes(handle, known.offset - guardBytes, guardBytes);
  const { bytes } = await handle.stat();
  return compareContent(known, { bytes, head, beforeOffset });
}

/**
 * States whether the first `bytes` of one file are what another file begins with, as far as both ends of that part tell: its first
 * kilobyte and its last 256 bytes.
 */
export async function isBeginningOf(
  handle: ReadableFile,
  bytes: number,
  other: ReadableFile,
): Promise<boolean> {
  const headBytes = Math.min(bytes, FINGERPRINT_BYTES_MAX);
  const tailBytes = Math.min(bytes, GUARD_BYTES_MAX);
  const places = [
    [0, headBytes],
    [bytes - tailBytes, tailBytes],
  ] as const;
  for (const [position, length] of places) {
    const expected = await readBytes(handle, position, length);
    const found = await readBytes(other, position, length);
    if (expected.length !== length || !expected.equals(found)) return false;
  }
  return true;
}
