import {
  encodeSegmentHeader,
  FRAME_HEADER_BYTES,
  type FrameKind,
  writeFrame,
} from "../../../../aggregator/log/segment-format.ts";

/** The salt of all segments made here. */
export const SALT = Buffer.from("pinchsal", "latin1");

/** The log id of all segments made here. */
export const LOG_ID = "00112233445566778899aabbccddeeff";

/** One frame to make. `syncedBytes` default: everything before it. */
export interface FrameToMake {
  readonly kind?: FrameKind;
  readonly position: number;
  readonly payload?: string;
  readonly syncedBytes?: number;
}

/** The bytes of a segment with the given frames, and where each frame begins; the last entry is the end. */
export function segmentBytes(
  firstPosition: number,
  frames: readonly FrameToMake[],
): { readonly bytes: Buffer; readonly offsets: number[] } {
  let bytes = encodeSegmentHeader({
    logId: LOG_ID,
    salt: SALT,
    firstPosition,
    appendedAtMsMax: 5,
  });
  const offsets = [bytes.length];
  for (const frame of frames) {
    const made = frameBytes({ syncedBytes: bytes.length, ...frame });
    bytes = Buffer.concat([bytes, made]);
    offsets.push(bytes.length);
  }
  return { bytes, offsets };
}

/** The bytes of one frame. */
export function frameBytes(frame: FrameToMake, salt: Buffer = SALT): Buffer {
  const payload = Buffer.from(frame.payload ?? "");
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  const { kind = "record", position, syncedBytes = 0 } = frame;
  writeFrame(
    bytes,
    0,
    { kind, position, appendedAtMs: 1_000 + position, syncedBytes, payload },
    salt,
  );
  return bytes;
}
