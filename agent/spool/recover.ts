/**
 * What the segments on the disk hold when a spool is opened.
 *
 * A record is synced before the next is written, so a crash can only harm the end of the newest segment: bad bytes there with no good record
 * behind them are a torn tail and are cut. A newest segment without a good header was never used. Bad bytes anywhere else mean that the disk
 * did not keep what it had promised: the spool is damaged, and what is left of it goes through `plan-recovery.ts`.
 */
import type { DiskFile } from "../../shared/platform/disk.ts";
import { epochSalt, type FoundRecord, FRAME_BYTES, findMark } from "./record.ts";
import { readHeader, readRecordAt, type SegmentHeader, SegmentWindow } from "./segment.ts";

/** Where a tombstone stands and which record it stands for. */
export interface TombstonePlace {
  readonly epoch: string;
  readonly sequence: number;
  readonly segment: number;
  readonly offset: number;
}

/** What was found in one segment. */
export interface ScannedSegment {
  readonly number: number;
  /** Undefined when the bytes at the start are no header. */
  readonly header: SegmentHeader | undefined;
  /** Epochs of the header and the good records. */
  readonly epochs: ReadonlySet<string>;
  readonly headerBytes: number;
  /** Length of the file. */
  readonly bytes: number;
  /** End of the last good record, or of the header. */
  readonly goodBytes: number;
  /** Count of good records; tombstones are not counted. */
  readonly recordCount: number;
  /** Sequence of the last good record; one less than the header's next when there is none. */
  readonly lastSequence: number;
  readonly lastDigest: string;
  readonly tombstones: readonly TombstonePlace[];
  /** Count of places with bad bytes before a good record, or with a sequence that does not follow the one before. */
  readonly gapCount: number;
}

/** A good record of a segment. */
export interface VisitedRecord {
  readonly found: FoundRecord;
  readonly epoch: string;
  /** In bytes from the start of the segment. */
  readonly offset: number;
  /** True when records before it in the segment may be missing. */
  readonly isAfterGap: boolean;
}

/** Sees what a segment holds, in order. */
export interface SegmentVisitor {
  /** The header, when there is a good one. */
  header?(header: SegmentHeader): void;
  record(visited: VisitedRecord): Promise<void>;
}

/**
 * Reads a segment from its beginning to its end. `epochs` are tried for the records when the header is damaged.
 * Fails with FORMAT_UNKNOWN when the segment was written by another version.
 */
export async function scanSegment(
  file: DiskFile,
  segment: { readonly number: number; readonly path: string },
  epochs: readonly string[],
  visitor?: SegmentVisitor,
): Promise<ScannedSegment> {
  const { bytes } = await file.stat();
  const window = new SegmentWindow(file);
  const found = await readHeader(window, segment.path);
  const header = found?.header;
  if (header !== undefined) visitor?.header?.(header);
  const candidates = header === undefined ? epochs : [header.epoch];
  const seenEpochs = new Set(header === undefined ? [] : [header.epoch]);
  const tombstones: TombstonePlace[] = [];
  let recordCount = 0;
  let gapCount = 0;
  let lastSequence = (header?.nextSequence ?? 1) - 1;
  let lastDigest = header?.previousDigest ?? "";
  let offset = found?.bytes ?? 0;
  let goodBytes = offset;
  while (offset < bytes) {
    const record = await readAny(window, offset, candidates);
    if (record === undefined) {
      offset = await nextMark(window, offset + 1, bytes);
      continue;
    }
    const { epoch } = record;
    seenEpochs.add(epoch);
    if (offset > goodBytes) gapCount++;
    if (record.kind === "tombstone") {
      const { sequence } = record.record;
      tombstones.push({ epoch, sequence, segment: segment.number, offset });
    } else {
      if (header !== undefined && record.record.sequence !== lastSequence + 1) gapCount++;
      lastSequence = record.record.sequence;
      lastDigest = record.record.digest;
      recordCount++;
    }
    const isAfterGap = gapCount > 0 || header === undefined;
    await visitor?.record({ found: record, epoch, offset, isAfterGap });
    offset += record.bytes;
    goodBytes = offset;
  }
  return {
    number: segment.number,
    header,
    epochs: seenEpochs,
    headerBytes: found?.bytes ?? 0,
    bytes,
    goodBytes,
    recordCount,
    lastSequence,
    lastDigest,
    tombstones,
    gapCount,
  };
}

async function readAny(
  window: SegmentWindow,
  offset: number,
  epochs: readonly string[],
): Promise<(FoundRecord & { readonly epoch: string }) | undefined> {
  for (const epoch of epochs) {
    const found = await readRecordAt(window, offset, epochSalt(epoch));
    if (found !== undefined) return { ...found, epoch };
  }
  return undefined;
}

const SEARCH_BYTES = 64 * 1024;

/** Offset of the next mark of a record at or behind `from`, or `end`. */
async function nextMark(window: SegmentWindow, from: number, end: number): Promise<number> {
  let offset = from;
  while (offset < end) {
    const piece = await window.read(offset, SEARCH_BYTES);
    const at = findMark(piece, 0);
    if (at !== -1) return offset + at;
    if (piece.length < SEARCH_BYTES) return end;
    // A mark may begin in this piece and end in the next.
    offset += piece.length - FRAME_BYTES;
  }
  return end;
}

/** What to do with the segments that were found. */
export type Judgement =
  | { readonly condition: "absent"; readonly unused: readonly number[] }
  | {
      readonly condition: "whole";
      /** Segments that were being made when a crash came: remove them. */
      readonly unused: readonly number[];
      /** Cut the newest segment to this length; undefined when it has no torn tail. */
      readonly cutBytes: number | undefined;
    }
  | {
      readonly condition: "damaged" | "unfinished";
      readonly unused: readonly number[];
      readonly detail: string;
    };

/**
 * Judges the segments, ascending by number. `unfinished`: nothing is damaged, but segments of several epochs show that a recovery was
 * interrupted; it has to be done again.
 */
export function judgeSegments(scanned: readonly ScannedSegment[]): Judgement {
  const used = [...scanned];
  const unused: number[] = [];
  for (let last = used.at(-1); last !== undefined; last = used.at(-1)) {
    if (last.header !== undefined || last.recordCount + last.tombstones.length > 0) break;
    unused.push(last.number);
    used.pop();
  }
  const newest = used.at(-1);
  if (newest === undefined) return { condition: "absent", unused };
  const epochs = new Set(used.map((segment) => segment.header?.epoch));
  epochs.delete(undefined);
  const detail = findDamage(used, epochs.size > 1);
  if (detail !== undefined) return { condition: "damaged", unused, detail };
  if (epochs.size > 1) {
    const detail = "segments of two epochs: a recovery was interrupted";
    return { condition: "unfinished", unused, detail };
  }
  const isTorn = newest.goodBytes < newest.bytes;
  return { condition: "whole", unused, cutBytes: isTorn ? newest.goodBytes : undefined };
}

function findDamage(used: readonly ScannedSegment[], isMixed: boolean): string | undefined {
  for (const [index, segment] of used.entries()) {
    const { number, header } = segment;
    if (header === undefined) return `segment ${number} has no header`;
    const next = used[index + 1];
    // Records that were sealed again are synced together: a crash may have kept some without those before them.
    const isNewestEpoch = header.epoch === used.at(-1)?.header?.epoch;
    if (isMixed && isNewestEpoch) continue;
    if (segment.gapCount > 0) return `segment ${number} has bad bytes before good ones`;
    if (next?.header === undefined) continue;
    if (segment.goodBytes < segment.bytes) {
      // The newest segment of an epoch may have been torn before the next epoch began.
      if (next.header.epoch !== header.epoch) continue;
      return `segment ${number} has bad bytes at its end`;
    }
    if (next.header.epoch !== header.epoch) continue;
    const isContinued =
      next.number === number + 1 &&
      next.header.nextSequence === segment.lastSequence + 1 &&
      next.header.previousDigest === segment.lastDigest;
    if (!isContinued) return `segment ${next.number} does not continue segment ${number}`;
  }
  return undefined;
}
