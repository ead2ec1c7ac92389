/**
 * Looking through a spool without touching it: what each segment and record holds, and where bytes are not what was written.
 *
 * Nothing is locked and nothing is written, so the agent may run meanwhile. It deletes the oldest segments and appends to the newest one: a
 * segment that vanishes under the reader is left out, and an unfinished record at the end of the newest one is no damage.
 */
import { join } from "node:path";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import type { Batch } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { digestOf, openRecord } from "../../shared/protocol/sealed-record.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";
import { diskFailed } from "./read-record.ts";
import { BODY_BYTES_MAX, type RecordNotes, readNotes } from "./record.ts";
import { type ScannedSegment, scanSegment, type VisitedRecord } from "./recover.ts";
import { type SegmentHeader, segmentName, segmentNumber } from "./segment.ts";
import { withSegment } from "./with-segment.ts";

/** A record with a good checksum that holds a batch. */
export interface InspectedRecord {
  readonly segment: number;
  readonly visited: VisitedRecord;
  readonly batch: Batch;
  readonly notes: RecordNotes;
}

/** A place where bytes are not what was written. */
export interface SpoolDamage {
  readonly path: string;
  /** In bytes from the start of the file. */
  readonly offset: number;
  readonly detail: string;
}

/** What is told while the segments are read, in their order. */
export interface SpoolVisitor {
  /** A segment begins. */
  header?(header: SegmentHeader): void;
  record?(record: InspectedRecord): Promise<void>;
}

/** What the whole spool came to. */
export interface SpoolSurvey {
  readonly segments: readonly ScannedSegment[];
  readonly damages: readonly SpoolDamage[];
  /** Bytes of an unfinished record at the end: a write that is under way, or one that a crash cut short. */
  readonly tornBytes: number;
}

/** A folder of segments. */
export interface SpoolPlace {
  readonly disk: Disk;
  readonly directory: string;
}

/** Reads every byte of a spool and checks it. Fails with DISK_FAILED, and with FORMAT_UNKNOWN for a spool of another version. */
export async function inspectSpool(
  place: SpoolPlace,
  visitor: SpoolVisitor = {},
): Promise<SpoolSurvey> {
  const numbers = await segmentNumbers(place);
  const damages: SpoolDamage[] = [];
  const segments: ScannedSegment[] = [];
  for (const number of numbers) {
    const scanned = await inspectSegment(place, { number, visitor, damages });
    if (scanned !== undefined) segments.push(scanned);
  }
  for (const [index, segment] of segments.entries()) {
    const path = join(place.directory, segmentName(segment.number));
    for (const found of damageOf(segment, segments[index + 1])) damages.push({ path, ...found });
  }
  const newest = segments.at(-1);
  const tornBytes = newest === undefined ? 0 : newest.bytes - newest.goodBytes;
  return { segments, damages, tornBytes: Math.max(0, tornBytes) };
}

async function segmentNumbers({ disk, directory }: SpoolPlace): Promise<number[]> {
  try {
    const numbers = (await disk.list(directory)).map(segmentNumber);
    return numbers.filter((number) => number !== undefined).sort((a, b) => a - b);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === undefined) throw cause;
    if (code === "ENOENT") return [];
    throw diskFailed(directory, cause);
  }
}

interface Inspecting {
  readonly number: number;
  readonly visitor: SpoolVisitor;
  readonly damages: SpoolDamage[];
}

/** Undefined when the segment was deleted meanwhile: all in it is applied. */
async function inspectSegment(
  place: SpoolPlace,
  { number, visitor, damages }: Inspecting,
): Promise<ScannedSegment | undefined> {
  let expected: { offset: number; sequence: number; digest: string } | undefined;
  try {
    return await withSegment(place, number, async (file, path) => {
      const report = (offset: number, detail: string) => damages.push({ path, offset, detail });
      return scanSegment(file, { number, path }, [], {
        header: (header) => {
          expected = { offset: -1, sequence: header.nextSequence, digest: header.previousDigest };
          visitor.header?.(header);
        },
        record: async (visited) => {
          const { found, offset } = visited;
          if (expected === undefined) return;
          if (expected.offset !== -1 && offset > expected.offset) {
            report(expected.offset, `${offset - expected.offset} bytes are no record`);
          }
          expected.offset = offset + found.bytes;
          const opened = open(visited);
          if (typeof opened === "string") {
            report(offset, `record ${found.record.sequence}: ${opened}`);
          } else if (found.kind === "sealed") {
            if (!isNext(opened.batch, expected)) {
              report(offset, `record ${found.record.sequence} does not follow the one before`);
            }
          }
          if (found.kind === "sealed") {
            expected.sequence = found.record.sequence + 1;
            expected.digest = found.record.digest;
          }
          if (typeof opened === "object") {
            await visitor.record?.({ segment: number, visited, ...opened });
          }
        },
      });
    });
  } catch (error) {
    if (error instanceof TailraceError && systemCode(error.cause) === "ENOENT") return undefined;
    throw error;
  }
}

function isNext(
  batch: Batch,
  expected: { readonly sequence: number; readonly digest: string },
): boolean {
  return batch.sequence === expected.sequence && batch.previousDigest === expected.digest;
}

/** What a record holds, or why that cannot be said. */
function open({
  found,
  epoch,
}: VisitedRecord): { readonly batch: Batch; readonly notes: RecordNotes } | string {
  const { record } = found;
  try {
    const raw = openRecord(record, BODY_BYTES_MAX);
    const batch = decodeBatch(raw);
    const digest = batch.tombstone?.replacedDigest ?? digestOf(raw);
    if (digest !== record.digest) return "its digest is not that of its bytes";
    if (batch.sequence !== record.sequence || batch.epoch !== epoch) {
      return `it holds batch ${batch.sequence} of epoch ${batch.epoch}`;
    }
    return { batch, notes: readNotes(found.notesBytes) };
  } catch (error) {
    if (error instanceof MalformedError) return `it holds no batch: ${error.message}`;
    throw error;
  }
}

/** What is wrong with a segment as a whole and with what follows it. */
function* damageOf(
  segment: ScannedSegment,
  next: ScannedSegment | undefined,
): Generator<Pick<SpoolDamage, "offset" | "detail">> {
  const { header, number, bytes, goodBytes, recordCount } = segment;
  // A newest segment without header and records was being made when a crash came.
  if (header === undefined && (next !== undefined || recordCount > 0)) {
    yield { offset: 0, detail: "the segment has no good header" };
  }
  // The newest segment of an epoch may have been torn before the next epoch began.
  if (header === undefined || next?.header?.epoch !== header.epoch) return;
  if (goodBytes < bytes) yield { offset: goodBytes, detail: "bad bytes at the end" };
  const isContinued =
    next.number === number + 1 &&
    next.header.nextSequence === segment.lastSequence + 1 &&
    next.header.previousDigest === segment.lastDigest;
  if (!isContinued) {
    const expected = `expected segment ${number + 1} with record ${segment.lastSequence + 1}`;
    const detail = `${segmentName(next.number)} does not continue it: ${expected}`;
    yield { offset: goodBytes, detail };
  }
}
