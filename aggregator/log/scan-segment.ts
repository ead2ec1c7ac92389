import {
  decodeSegmentHeader,
  type FoundFrame,
  findFrameMark,
  readFrame,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./segment-format.ts";

/** One entry in this many bytes of a segment is enough to find any record with one read of the disk. */
export const INDEX_STEP_BYTES = 64 * 1024;

/** Where a record's frame begins. */
export interface IndexEntry {
  readonly position: number;
  readonly offset: number;
}

/** What is found in the bytes of a segment. */
export interface ScannedSegment {
  readonly header: SegmentHeader;
  /** Sparse, ascending; begins with the first record. */
  readonly index: IndexEntry[];
  /** Position behind the last good record. */
  readonly endPosition: number;
  /** Length of the good part. */
  readonly goodBytes: number;
  /** The segment was closed whole: nothing may follow. */
  readonly isEnded: boolean;
  readonly appendedAtMsMax: number;
  /**
   * What stands behind the good part. `none`: nothing. `torn`: bytes that were never said to be durable, the trace of a crash. `corrupt`:
   * bytes that a later frame knows to have been durable once, so something harmed them since.
   */
  readonly rest: "none" | "torn" | "corrupt";
}

/**
 * Reads a whole segment; pure. Without a good header the result says what the header is: `torn`, or the number of an unknown version.
 *
 * A power cut may keep any part of what was not synced, in any order, so good frames behind a bad one prove nothing by themselves. But
 * every frame tells how much of the segment was durable when it was written: only a good frame that claims the bad one's place as
 * durable shows that acknowledged bytes were harmed.
 */
export function scanSegment(bytes: Buffer): ScannedSegment | "torn" | number {
  const header = decodeSegmentHeader(bytes);
  if (typeof header !== "object") return header;
  const index: IndexEntry[] = [];
  let offset = SEGMENT_HEADER_BYTES;
  let endPosition = header.firstPosition;
  let appendedAtMsMax = header.appendedAtMsMax;
  let isEnded = false;
  while (!isEnded) {
    const frame = readFrame(bytes, offset, header.salt);
    if (frame === undefined || frame.position !== endPosition) break;
    if (frame.kind === "end") {
      isEnded = true;
    } else {
      addToIndex(index, { position: frame.position, offset });
      endPosition++;
    }
    appendedAtMsMax = Math.max(appendedAtMsMax, frame.appendedAtMs);
    offset = endOf(frame);
  }
  // A whole frame whose position is not the next one was never written there.
  const isOutOfOrder = !isEnded && readFrame(bytes, offset, header.salt) !== undefined;
  const rest = isOutOfOrder ? "corrupt" : judgeRest(bytes, offset, header.salt);
  return { header, index, endPosition, goodBytes: offset, isEnded, appendedAtMsMax, rest };
}

/** Adds an entry when the last one is far enough behind. */
export function addToIndex(index: IndexEntry[], entry: IndexEntry): void {
  const last = index.at(-1);
  if (last === undefined || entry.offset - last.offset >= INDEX_STEP_BYTES) index.push(entry);
}

function judgeRest(bytes: Buffer, badOffset: number, salt: Buffer): ScannedSegment["rest"] {
  if (badOffset === bytes.length) return "none";
  let mark = findFrameMark(bytes, badOffset);
  while (mark !== undefined) {
    const frame = readFrame(bytes, mark, salt);
    if (frame !== undefined && frame.syncedBytes > badOffset) return "corrupt";
    mark = findFrameMark(bytes, frame === undefined ? mark + 1 : endOf(frame));
  }
  return "torn";
}

function endOf(frame: FoundFrame): number {
  return frame.payloadOffset + frame.payloadBytes;
}
