import { TailraceError } from "../../shared/errors.ts";
import type { Disk, DiskFile } from "../../shared/platform/disk.ts";
import type { LogRecord } from "./log.ts";
import { INDEX_STEP_BYTES, type IndexEntry } from "./scan-segment.ts";
import {
  FRAME_HEADER_BYTES,
  framePayloadBytes,
  PAYLOAD_BYTES_MAX,
  readFrame,
} from "./segment-format.ts";
import type { Segment } from "./segment-writer.ts";

/**
 * Records of one segment from `from` on, which it must hold: at least one, and at most about `bytesMax`.
 * Fails with LOG_CORRUPT when the bytes are not those that were written.
 */
export async function readSegment(
  disk: Disk,
  segment: Segment,
  from: number,
  bytesMax: number,
): Promise<LogRecord[]> {
  const offset = offsetBefore(segment.index, from);
  const left = segment.bytes - offset;
  const file = await disk.open(segment.path, "read");
  try {
    const firstTry = Math.min(left, bytesMax + INDEX_STEP_BYTES);
    const secondTry = Math.min(left, firstTry + FRAME_HEADER_BYTES + PAYLOAD_BYTES_MAX);
    for (const length of [firstTry, secondTry]) {
      const bytes = await readBytes(file, offset, length);
      const records = recordsIn(bytes, segment.salt, { from, bytesMax });
      if (records.length > 0) return records;
    }
  } finally {
    await file.close();
  }
  throw new TailraceError(
    "LOG_CORRUPT",
    `The segment ${segment.path} of the log does not hold record ${from} any more, which was there when it was opened. Check the disk.`,
    { facts: { segment: segment.path, offset, position: from } },
  );
}

function recordsIn(
  bytes: Buffer,
  salt: Buffer,
  wanted: { readonly from: number; readonly bytesMax: number },
): LogRecord[] {
  const records: LogRecord[] = [];
  let collectedBytes = 0;
  let offset = 0;
  while (collectedBytes < wanted.bytesMax) {
    const length = framePayloadBytes(bytes, offset);
    if (length === undefined) break;
    const frame = readFrame(bytes, offset, salt);
    if (frame === undefined || frame.kind === "end") break;
    offset = frame.payloadOffset + frame.payloadBytes;
    if (frame.position < wanted.from) continue;
    const { position, appendedAtMs } = frame;
    records.push({ position, appendedAtMs, payload: bytes.subarray(frame.payloadOffset, offset) });
    collectedBytes += frame.payloadBytes;
  }
  return records;
}

async function readBytes(file: DiskFile, offset: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes, filled, length - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

function offsetBefore(index: readonly IndexEntry[], position: number): number {
  let low = 0;
  let high = index.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((index[middle]?.position ?? Infinity) <= position) low = middle + 1;
    else high = middle;
  }
  return index[low - 1]?.offset ?? 0;
}
