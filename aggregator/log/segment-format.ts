/**
 * The bytes of a segment of the embedded log, as FORMAT.md draws them: a header, then frames one after the other.
 *
 * The CRC of a frame starts from the segment's salt, which never leaves the disk. Payloads come from agents; without the salt one of
 * them could carry bytes that look like a frame and be taken for one when recovery searches behind a torn frame.
 */
import { crc32 } from "node:zlib";
import { assert } from "../../shared/assert.ts";

/** Length of a segment's header. */
export const SEGMENT_HEADER_BYTES = 64;

/** Length of what stands before the payload in a frame. */
export const FRAME_HEADER_BYTES = 32;

/** Longest payload of a record: twice what receivers must accept. */
export const PAYLOAD_BYTES_MAX = 8 * 1024 * 1024;

const MAGIC = Buffer.from("tailrlog", "latin1");
const FORMAT_VERSION = 1;
const FRAME_MARK = Buffer.from("\x9eTLf", "latin1");
const HEADER_CRC_OFFSET = SEGMENT_HEADER_BYTES - 4;

/** What a segment says about itself before its first frame. */
export interface SegmentHeader {
  /** 32 hexadecimal digits. */
  readonly logId: string;
  /** Eight random bytes that start the checksum of every frame. */
  readonly salt: Buffer;
  /** Position of the first record, when there is one. */
  readonly firstPosition: number;
  /** The highest `appendedAtMs` of everything before. */
  readonly appendedAtMsMax: number;
}

/** `record` carries a payload; `end` says that the segment was closed whole and nothing follows. */
export type FrameKind = "record" | "end";

/** One frame without its payload. */
export interface FrameHeader {
  readonly kind: FrameKind;
  readonly position: number;
  readonly appendedAtMs: number;
  /** So many bytes from the start of the segment were known to be durable when this frame was written. */
  readonly syncedBytes: number;
}

/** A frame as found in a segment. */
export interface FoundFrame extends FrameHeader {
  /** Where the payload begins and how long it is. */
  readonly payloadOffset: number;
  readonly payloadBytes: number;
}

/** A new segment's header. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 8);
  const written = bytes.write(header.logId, 16, 16, "hex");
  assert(written === 16, "a log id is 32 hexadecimal digits");
  header.salt.copy(bytes, 32, 0, 8);
  bytes.writeUIntLE(header.firstPosition, 40, 6);
  bytes.writeUIntLE(header.appendedAtMsMax, 48, 6);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, HEADER_CRC_OFFSET)), HEADER_CRC_OFFSET);
  return bytes;
}

/** The header at the start of `bytes`; `torn` when it is not whole, a number when it is whole but of a version unknown here. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | "torn" | number {
  if (bytes.length < SEGMENT_HEADER_BYTES) return "torn";
  const crc = crc32(bytes.subarray(0, HEADER_CRC_OFFSET));
  if (crc !== bytes.readUInt32LE(HEADER_CRC_OFFSET)) return "torn";
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return "torn";
  const version = bytes.readUInt32LE(8);
  if (version !== FORMAT_VERSION) return version;
  return {
    logId: bytes.toString("hex", 16, 32),
    salt: Buffer.from(bytes.subarray(32, 40)),
    firstPosition: bytes.readUIntLE(40, 6),
    appendedAtMsMax: bytes.readUIntLE(48, 6),
  };
}

/** Writes one frame into `target` at `offset` and returns the offset behind it. */
export function writeFrame(
  target: Buffer,
  offset: number,
  frame: FrameHeader & { readonly payload: Buffer },
  salt: Buffer,
): number {
  const { payload } = frame;
  assert(payload.length <= PAYLOAD_BYTES_MAX, "a record of the log is at most 8 MiB long");
  const end = offset + FRAME_HEADER_BYTES + payload.length;
  FRAME_MARK.copy(target, offset);
  target.writeUInt32LE(payload.length, offset + 8);
  target.writeUInt32LE(frame.syncedBytes, offset + 12);
  target.writeUIntLE(frame.position, offset + 16, 6);
  target.writeUInt16LE(frame.kind === "record" ? 1 : 2, offset + 22);
  target.writeUIntLE(frame.appendedAtMs, offset + 24, 6);
  target.writeUInt16LE(0, offset + 30);
  payload.copy(target, offset + FRAME_HEADER_BYTES);
  target.writeUInt32LE(crc32(target.subarray(offset + 8, end), crc32(salt)), offset + 4);
  return end;
}

/** The frame that begins at `offset`, or undefined when no whole and unharmed one does. */
export function readFrame(bytes: Buffer, offset: number, salt: Buffer): FoundFrame | undefined {
  const payloadBytes = framePayloadBytes(bytes, offset);
  if (payloadBytes === undefined) return undefined;
  const payloadOffset = offset + FRAME_HEADER_BYTES;
  const end = payloadOffset + payloadBytes;
  if (end > bytes.length) return undefined;
  const crc = crc32(bytes.subarray(offset + 8, end), crc32(salt));
  if (crc !== bytes.readUInt32LE(offset + 4)) return undefined;
  const kind = bytes.readUInt16LE(offset + 22);
  if (kind !== 1 && kind !== 2) return undefined;
  return {
    kind: kind === 1 ? "record" : "end",
    position: bytes.readUIntLE(offset + 16, 6),
    appendedAtMs: bytes.readUIntLE(offset + 24, 6),
    syncedBytes: bytes.readUInt32LE(offset + 12),
    payloadOffset,
    payloadBytes,
  };
}

/** Length of the payload that the frame at `offset` announces, unchecked; undefined when no frame can begin there. */
export function framePayloadBytes(bytes: Buffer, offset: number): number | undefined {
  if (offset + FRAME_HEADER_BYTES > bytes.length) return undefined;
  if (!bytes.subarray(offset, offset + FRAME_MARK.length).equals(FRAME_MARK)) return undefined;
  const payloadBytes = bytes.readUInt32LE(offset + 8);
  return payloadBytes <= PAYLOAD_BYTES_MAX ? payloadBytes : undefined;
}

/** Offset of the next mark of a frame at or behind `offset`, or undefined. */
export function findFrameMark(bytes: Buffer, offset: number): number | undefined {
  const found = bytes.indexOf(FRAME_MARK, offset);
  return found === -1 ? undefined : found;
}
