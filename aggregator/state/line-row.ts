/**
 * The rows of raw lines.
 *
 * ```text
 * line-time/TIME/ID   byte format version 1; uint number; text tenant, agent, stream, source; uint file, generation, offset; int time;
 *                     text service; byte level; text line; text weight (a number, as JSON)
 * line/NUMBER         the key behind `line-time/` of the line that came as this one, as ASCII
 * lines               byte format version 1; uint number of the newest, lines, bytes of their rows, lines deleted because there were too many,
 *                     lines that came again
 * ```
 */
import { LEVELS } from "../../shared/aggregates/aggregate.ts";
import { lineId } from "../../shared/protocol/line-id.ts";
import type { SelectedLine } from "../../shared/protocol/selected-line.ts";
import type { StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";
import { LINES_KEY } from "./keys.ts";

const VERSION = 1;

/** A raw line, and who sent it. */
export interface KeyedLine {
  readonly tenant: string;
  readonly agent: string;
  readonly line: SelectedLine;
}

/** A stored line. */
export interface LineRow extends KeyedLine {
  /** Rises with every line of a partition. */
  readonly number: number;
}

/** How many lines there are. */
export interface LinesRow {
  number: number;
  lines: number;
  bytes: number;
  evictedLines: number;
  repeatedLines: number;
}

/** The id of a stored line. */
export function idOfLine({ agent, line }: KeyedLine): string {
  return lineId(agent, line);
}

/** Writes a raw line, as part of something else. */
export function writeLine(writer: ByteWriter, { tenant, agent, line }: KeyedLine): void {
  for (const text of [tenant, agent, line.stream, line.source]) writer.text(text);
  for (const number of [line.file, line.generation, line.offset]) writer.uint(number);
  writer.int(line.timeMs);
  writer.text(line.service);
  writer.byte(LEVELS.indexOf(line.level));
  writer.text(line.line);
  writer.text(JSON.stringify(line.weight));
}

/** Reads what {@link writeLine} wrote. */
export function readLine(reader: ByteReader): KeyedLine {
  const tenant = reader.text();
  const agent = reader.text();
  const stream = reader.text();
  const source = reader.text();
  const place = { file: reader.uint(), generation: reader.uint(), offset: reader.uint() };
  const timeMs = reader.int();
  const service = reader.text();
  const level = LEVELS[reader.byte()];
  const line = reader.text();
  const weight = Number(reader.text());
  if (level === undefined || !(weight >= 1)) throw reader.corrupt("holds a line that is none");
  return {
    tenant,
    agent,
    line: { stream, source, ...place, timeMs, service, level, line, weight },
  };
}

/** Writes the row of a line. */
export function encodeLineRow(row: LineRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.uint(row.number);
  writeLine(writer, row);
  return writer.finish();
}

/** Reads the row of a line. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function decodeLineRow(bytes: Buffer): LineRow {
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "line");
  const number = reader.uint();
  return { number, ...readLine(reader) };
}

/** Writes how many lines there are. */
export function encodeLinesRow(row: LinesRow): Buffer {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  const { number, lines, bytes, evictedLines, repeatedLines } = row;
  for (const count of [number, lines, bytes, evictedLines, repeatedLines]) writer.uint(count);
  return writer.finish();
}

/** Reads how many lines there are; none when the row is missing. Fails with FORMAT_UNKNOWN or STATE_CORRUPT. */
export function readLinesRow(view: StateView): LinesRow {
  const bytes = view.get(LINES_KEY);
  if (bytes === undefined) {
    return { number: 0, lines: 0, bytes: 0, evictedLines: 0, repeatedLines: 0 };
  }
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "row about lines");
  return {
    number: reader.uint(),
    lines: reader.uint(),
    bytes: reader.uint(),
    evictedLines: reader.uint(),
    repeatedLines: reader.uint(),
  };
}
