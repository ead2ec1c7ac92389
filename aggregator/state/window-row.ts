/**
 * The row of one window.
 *
 * ```text
 * byte    format version 1; 2 where the aggregate has measures or sample lines, which version 1 cannot have
 * byte    state: 1 provisional, 2 final, 3 corrected
 * uint    revision; uint change number
 * …       aggregate (aggregate-format): equal for equal data, whatever the order in which it came
 * …       contributors: uint count, then per agent text, uint requests, uint errors
 * ```
 */
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import type { WindowState } from "../../shared/aggregates/window-json.ts";
import { aggregateBytesMax, readAggregate, writeAggregate } from "./aggregate-format.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { Contributors } from "./contributors.ts";

const VERSION = 1;
const VERSION_DETAILED = 2;
const STATES = ["provisional", "final", "corrected"] as const satisfies readonly WindowState[];

/** What a window is made of, whatever its width; merged by {@link mergeContent} alone. */
export interface WindowContent {
  readonly aggregate: Aggregate;
  readonly contributors: Contributors;
}

/** Adds `source`, which stays as it is, to `target`: windows of any width, or what is new for one. */
export function mergeContent(target: WindowContent, source: WindowContent): void {
  target.aggregate.merge(source.aggregate);
  target.contributors.merge(source.contributors);
}

/** Bytes that the row of a window needs at most. */
export function rowBytesMax({ aggregate, contributors }: WindowContent): number {
  return 24 + aggregateBytesMax(aggregate) + contributors.bytesMax;
}

/** A window as it is stored, without its names, which stand in its key. */
export interface WindowRow extends WindowContent {
  readonly state: WindowState;
  /** From 1; rises by one with every emission. */
  readonly revision: number;
  /** Place in the index of changes; no two windows of a partition have the same. */
  readonly changeNumber: number;
}

/** Writes a window's row with `writer` and returns it. */
export function encodeWindowRow(row: WindowRow, writer: ByteWriter): Buffer {
  writer.byte(row.aggregate.detail === undefined ? VERSION : VERSION_DETAILED);
  writer.byte(STATES.indexOf(row.state) + 1);
  writer.uint(row.revision);
  writer.uint(row.changeNumber);
  writeAggregate(writer, row.aggregate);
  row.contributors.write(writer);
  return writer.finish();
}

/** Reads a window's row. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeWindowRow(bytes: Buffer): WindowRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.versions(VERSION, VERSION_DETAILED, "window");
  const state = STATES[reader.byte() - 1];
  if (state === undefined) throw reader.corrupt("has an unknown window state");
  const revision = reader.uint();
  const changeNumber = reader.uint();
  const aggregate = readAggregate(reader);
  const contributors = Contributors.read(reader);
  if (!reader.atEnd) throw reader.corrupt("goes on after its end");
  return { state, revision, changeNumber, aggregate, contributors };
}

/** State and change number of a window's row, without the rest. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeWindowHead(bytes: Buffer): Pick<WindowRow, "state" | "changeNumber"> {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.versions(VERSION, VERSION_DETAILED, "window");
  const state = STATES[reader.byte() - 1];
  if (state === undefined) throw reader.corrupt("has an unknown window state");
  reader.uint();
  return { state, changeNumber: reader.uint() };
}

/** The aggregate's bytes alone: what must be equal for any order in which a window's data came. */
export function encodeAggregate(aggregate: Aggregate): Buffer {
  const writer = new ByteWriter();
  writeAggregate(writer, aggregate);
  return writer.finish();
}
