/** The rows in which the two stages keep what belongs to no single agent or window. Each begins with a format version. */
import {
  type PartitionWatermark,
  readSelection,
  type Selection,
  writeSelection,
} from "../log/keyed-entry.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { ROLL_UP_WIDTHS } from "./roll-up-widths.ts";

/** 2: with selections. */
const SELECTION_VERSION = 2;
/** 2: with selections; 3: with roll-ups. */
const PROCESS_VERSION = 3;
/** 2: with routes. */
const PARTIAL_VERSION = 2;

/** Stage 1's own row. */
export interface CollectRow {
  /** The log's clock: the maximum of ticks and stamps seen; undefined before the first. */
  clockMs: number | undefined;
  watermarkMs: number | undefined;
  /** True when no source is live. */
  idle: boolean;
  /** The newest minute that any applied delta belongs to; undefined when there is none. */
  newestMinute: number | undefined;
  /** Lines in the windows of all applied batches. */
  receivedLines: number;
  /** As it was last handed over. */
  selection: Selection | undefined;
}

/** How far roll-ups of one width are. */
export interface RollUpProgress {
  readonly widthMinutes: number;
  /** All that end here or before are made; undefined before the first. */
  madeToMinute: number | undefined;
  /** Those that start up to this minute are deleted; undefined before the first. */
  deletedMinute: number | undefined;
}

/** Stage 2's own row. */
export interface ProcessRow {
  watermarkMs: number | undefined;
  /** The last change number given. */
  changeNumber: number;
  /** Windows up to this minute are no longer provisional; undefined before the first final one. */
  finalMinute: number | undefined;
  /** Windows up to this minute are deleted; undefined before the first. */
  deletedMinute: number | undefined;
  /** Lines merged into windows. */
  mergedLines: number;
  /** Lines that came when their window was already beyond the retention. */
  tooLateLines: number;
  /** What is known of each partition of `batches`. */
  partitions: Map<number, PartitionWatermark>;
  /** In the order of {@link ROLL_UP_WIDTHS}. */
  readonly rollUps: readonly RollUpProgress[];
}

/** A group of log records that needs several commits: its last position, and how many of its steps are committed. */
export interface PartialRow {
  readonly through: number;
  readonly stepCount: number;
  /** By which routes events were made into steps; empty in rows of version 1, which had no events. */
  readonly routes: string;
}

/** Writes stage 1's row. */
export function encodeCollectRow(row: CollectRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(SELECTION_VERSION);
  writer.optionalInt(row.clockMs);
  writer.optionalInt(row.watermarkMs);
  writer.flag(row.idle);
  writer.optionalInt(row.newestMinute);
  writer.uint(row.receivedLines);
  writeSelection(writer, row.selection);
  return writer.finish();
}

/** Reads stage 1's row; undefined bytes give the row before the first commit. */
export function decodeCollectRow(bytes: Buffer | undefined): CollectRow {
  if (bytes === undefined) {
    return {
      clockMs: undefined,
      watermarkMs: undefined,
      idle: true,
      newestMinute: undefined,
      receivedLines: 0,
      selection: undefined,
    };
  }
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, SELECTION_VERSION, "row of stage 1");
  return {
    clockMs: reader.optionalInt(),
    watermarkMs: reader.optionalInt(),
    idle: reader.flag(),
    newestMinute: reader.optionalInt(),
    receivedLines: reader.uint(),
    selection: version === 1 ? undefined : readSelection(reader),
  };
}

/** Writes stage 2's row. */
export function encodeProcessRow(row: ProcessRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(PROCESS_VERSION);
  writer.optionalInt(row.watermarkMs);
  writer.uint(row.changeNumber);
  writer.optionalInt(row.finalMinute);
  writer.optionalInt(row.deletedMinute);
  writer.uint(row.mergedLines);
  writer.uint(row.tooLateLines);
  writer.uint(row.partitions.size);
  for (const [partition, { watermarkMs, idle, selection }] of row.partitions) {
    writer.uint(partition);
    writer.optionalInt(watermarkMs);
    writer.flag(idle);
    writeSelection(writer, selection);
  }
  for (const { madeToMinute, deletedMinute } of row.rollUps) {
    writer.optionalInt(madeToMinute);
    writer.optionalInt(deletedMinute);
  }
  return writer.finish();
}

/** Reads stage 2's row; undefined bytes give the row before the first commit. */
export function decodeProcessRow(bytes: Buffer | undefined): ProcessRow {
  const row: ProcessRow = {
    watermarkMs: undefined,
    changeNumber: 0,
    finalMinute: undefined,
    deletedMinute: undefined,
    mergedLines: 0,
    tooLateLines: 0,
    partitions: new Map(),
    rollUps: ROLL_UP_WIDTHS.map((widthMinutes) => ({
      widthMinutes,
      madeToMinute: undefined,
      deletedMinute: undefined,
    })),
  };
  if (bytes === undefined) return row;
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, PROCESS_VERSION, "row of stage 2");
  row.watermarkMs = reader.optionalInt();
  row.changeNumber = reader.uint();
  row.finalMinute = reader.optionalInt();
  row.deletedMinute = reader.optionalInt();
  row.mergedLines = reader.uint();
  row.tooLateLines = reader.uint();
  for (let left = reader.uint(); left > 0; left--) {
    const partition = reader.uint();
    const watermarkMs = reader.optionalInt();
    const idle = reader.flag();
    const selection = version === 1 ? undefined : readSelection(reader);
    row.partitions.set(partition, { watermarkMs, idle, selection });
  }
  if (version < PROCESS_VERSION) return row;
  for (const rollUp of row.rollUps) {
    rollUp.madeToMinute = reader.optionalInt();
    rollUp.deletedMinute = reader.optionalInt();
  }
  return row;
}

/** Writes how much of a group is committed. */
export function encodePartialRow(row: PartialRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(PARTIAL_VERSION);
  writer.uint(row.through);
  writer.uint(row.stepCount);
  writer.text(row.routes);
  return writer.finish();
}

/** Reads how much of a group is committed; undefined bytes mean that there is no such group. */
export function decodePartialRow(bytes: Buffer | undefined): PartialRow | undefined {
  if (bytes === undefined) return undefined;
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  const version = reader.versions(1, PARTIAL_VERSION, "row of an unfinished group");
  return {
    through: reader.uint(),
    stepCount: reader.uint(),
    routes: version === 1 ? "" : reader.text(),
  };
}
