import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { type ScannedSegment, scanSegment } from "./scan-segment.ts";
import { SEGMENT_HEADER_BYTES } from "./segment-format.ts";
import { endRecoveredSegment, type Segment, segmentName } from "./segment-writer.ts";

/** What the folder of a log holds after recovery. */
export interface RecoveredSegments {
  /** All ended, ascending; each holds at least one record. */
  readonly segments: Segment[];
  /** As the headers say, or undefined when there was no segment. */
  readonly logId: string | undefined;
  /** Behind every record and every segment's beginning. */
  readonly nextPosition: number;
  readonly appendedAtMsMax: number;
}

/** What to recover. */
export interface RecoverOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly logger: Logger;
  /** Everything below was read by every registered reader; undefined when there is none. */
  readonly readPosition: number | undefined;
}

/**
 * Puts the segments of a folder in order after whatever happened to the process that wrote them: what all readers have read is
 * removed, a torn tail is cut, the last segment is ended. Fails with LOG_CORRUPT when acknowledged bytes were harmed.
 */
export async function recoverSegments(options: RecoverOptions): Promise<RecoveredSegments> {
  const positions = await removeRead(options, await listSegments(options));
  const segments: Segment[] = [];
  let logId: string | undefined;
  let nextPosition = 0;
  let appendedAtMsMax = 0;
  for (const [index, firstPosition] of positions.entries()) {
    const isLast = index === positions.length - 1;
    const found = await recoverSegment(options, firstPosition, isLast);
    if (found === undefined) continue;
    const { header } = found.scanned;
    logId ??= header.logId;
    if (header.logId !== logId) {
      throw corrupt(found.segment.path, 0, `is of log ${header.logId}, its neighbours of ${logId}`);
    }
    if (header.firstPosition < nextPosition) {
      throw corrupt(found.segment.path, 0, "begins before the end of the one before");
    }
    nextPosition = found.scanned.endPosition;
    appendedAtMsMax = Math.max(appendedAtMsMax, found.scanned.appendedAtMsMax);
    if (found.segment.endPosition > firstPosition) segments.push(found.segment);
    // The next segment may need the name.
    else await options.disk.remove(found.segment.path);
  }
  return { segments, logId, nextPosition, appendedAtMsMax };
}

async function listSegments(options: RecoverOptions): Promise<number[]> {
  const positions: number[] = [];
  for (const name of await options.disk.list(options.directory)) {
    const digits = /^batches-(\d{15})\.log$/.exec(name)?.[1];
    if (digits !== undefined) positions.push(Number(digits));
  }
  return positions;
}

async function removeRead(options: RecoverOptions, positions: number[]): Promise<number[]> {
  const { readPosition = 0 } = options;
  const kept = positions.findIndex((_, index) => (positions[index + 1] ?? Infinity) > readPosition);
  for (const position of positions.slice(0, Math.max(0, kept))) {
    await options.disk.remove(`${options.directory}/${segmentName(position)}`);
  }
  return positions.slice(Math.max(0, kept));
}

async function recoverSegment(
  options: RecoverOptions,
  firstPosition: number,
  isLast: boolean,
): Promise<{ readonly segment: Segment; readonly scanned: ScannedSegment } | undefined> {
  const { disk, directory, logger } = options;
  const path = `${directory}/${segmentName(firstPosition)}`;
  const bytes = await readWholeFile(disk, path, Number.MAX_SAFE_INTEGER);
  const scanned = scanSegment(bytes);
  if (scanned === "torn" && isLast && bytes.length <= SEGMENT_HEADER_BYTES) {
    // Records follow only after the header is durable, so this segment never had one.
    logger.warn("removed a segment of the log that was being made when the process ended", {
      path,
    });
    await disk.remove(path);
    return undefined;
  }
  checkSegment(path, firstPosition, scanned, isLast);
  let length = scanned.goodBytes;
  if (isLast) {
    if (scanned.rest === "torn") {
      const tornBytes = bytes.length - scanned.goodBytes;
      logger.warn("cut a torn tail of the log", { path, offset: scanned.goodBytes, tornBytes });
    }
    length = await endRecoveredSegment(disk, path, bytes.subarray(0, scanned.goodBytes), scanned);
  }
  const { index, endPosition, header } = scanned;
  const segment = { path, salt: header.salt, firstPosition, endPosition, bytes: length, index };
  return { segment, scanned };
}

function checkSegment(
  path: string,
  firstPosition: number,
  scanned: ReturnType<typeof scanSegment>,
  isLast: boolean,
): asserts scanned is ScannedSegment {
  if (scanned === "torn") throw corrupt(path, 0, "has a damaged header");
  if (typeof scanned === "number") {
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `The segment ${path} has format ${scanned}, which this version cannot read; use the version that wrote it or a newer one.`,
      { facts: { segment: path, format: scanned } },
    );
  }
  if (scanned.header.firstPosition !== firstPosition) {
    throw corrupt(path, 0, `says that it begins with ${scanned.header.firstPosition}`);
  }
  if (scanned.rest === "corrupt") {
    throw corrupt(path, scanned.goodBytes, "was harmed where it had been synced");
  }
  if (!isLast && !scanned.isEnded) {
    throw corrupt(path, scanned.goodBytes, "ends too early");
  }
}

/** The error for stored bytes that are not what was written. */
export function corrupt(path: string, offset: number, what: string): TailraceError {
  return new TailraceError(
    "LOG_CORRUPT",
    `The segment ${path} of the log ${what} (at byte ${offset}). Move this file away and start again: agents keep what was not applied and send it once more.`,
    { facts: { segment: path, offset } },
  );
}
