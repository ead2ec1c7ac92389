/**
 * The archive's tables: what a row of each says, and in which file it stands.
 *
 * ```text
 * DIR/events/day=2026-11-25/stream=business-events/p0-000000012000-000000012345.parquet
 *     table  UTC day of the event's time, or of a window's start   partition of stage 2, first and last position of the block
 * ```
 *
 * A position counts what was queued to be archived in a partition. So a file is named by what is in it: a file that is written again has the
 * same name, and replaces itself.
 */
import { LEVELS } from "../../shared/aggregates/aggregate.ts";
import { measuresJson } from "../../shared/aggregates/window-json.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { placeOfEvent } from "../log/keyed-event.ts";
import { writeAggregate } from "../state/aggregate-format.ts";
import type {
  ArchivedDelta,
  ArchivedEvent,
  ArchivedHole,
  ArchivedLine,
  ArchiveItem,
} from "../state/archive-rows.ts";
import { ByteWriter } from "../state/byte-writer.ts";
import { keyPart } from "../state/keys.ts";
import { idOfLine } from "../state/line-row.ts";
import { dayOf } from "./archive-file.ts";

/** One value of a row; of a column of type `TIMESTAMP` in milliseconds since the Unix epoch. */
export type Cell = string | number | bigint | Buffer | null;

/** The types of columns, as DuckDB names them. Whole numbers that a double may not hold are of 38 digits: Parquet knows no wider ones. */
export type ColumnType = "VARCHAR" | "BIGINT" | "DOUBLE" | "DECIMAL(38,0)" | "TIMESTAMP" | "BLOB";

/** One column of a table. */
export interface Column {
  readonly name: string;
  readonly type: ColumnType;
}

/** The names of the tables. */
export type TableName = "events" | "deltas" | "holes" | "lines";

/** What one file is to hold. */
export interface FileContent {
  /** Below the archive's folder. */
  readonly path: string;
  readonly table: TableName;
  /** In the order of their positions, with a cell per column. */
  readonly rows: readonly (readonly Cell[])[];
}

const HEAD = [
  ["partition", "BIGINT"],
  ["position", "BIGINT"],
  ["fate", "VARCHAR"],
  ["tenant", "VARCHAR"],
  ["stream", "VARCHAR"],
] as const;

/** The columns of each table, in the order in which they are written. */
export const TABLES: Readonly<Record<TableName, readonly Column[]>> = {
  events: columns(
    ["time", "TIMESTAMP"],
    ["type", "VARCHAR"],
    ["fields", "VARCHAR"],
    ["agent", "VARCHAR"],
    ["source", "VARCHAR"],
    ["file", "BIGINT"],
    ["generation", "BIGINT"],
    ["offset_bytes", "BIGINT"],
    ["event_index", "BIGINT"],
    // Sorts like (time, agent, source, file, generation, offset, index), and is the event's id.
    ["place", "VARCHAR"],
  ),
  deltas: columns(
    ["service", "VARCHAR"],
    ["window_start", "TIMESTAMP"],
    ["minute", "BIGINT"],
    ["request_count", "BIGINT"],
    ["error_count", "BIGINT"],
    ["levels", "VARCHAR"],
    ["duration_count", "BIGINT"],
    ["duration_us_sum", "DECIMAL(38,0)"],
    ["duration_us_min", "BIGINT"],
    ["duration_us_max", "BIGINT"],
    ["contributors", "VARCHAR"],
    ["dimensions", "VARCHAR"],
    ["measures", "VARCHAR"],
    // All of it, to be merged again: aggregate-format.
    ["aggregate", "BLOB"],
  ),
  lines: columns(
    ["time", "TIMESTAMP"],
    ["service", "VARCHAR"],
    ["level", "VARCHAR"],
    ["line", "VARCHAR"],
    // How many lines this one stands for.
    ["weight", "DOUBLE"],
    ["agent", "VARCHAR"],
    ["source", "VARCHAR"],
    ["id", "VARCHAR"],
  ),
  holes: columns(["from_time", "TIMESTAMP"], ["to_time", "TIMESTAMP"], ["event_count", "BIGINT"]),
};

function columns(...own: readonly (readonly [name: string, type: ColumnType])[]): Column[] {
  return [...HEAD, ...own].map(([name, type]) => ({ name, type }));
}

/** The files that a block becomes, in the order of their paths. */
export function filesOfBlock(
  partition: number,
  items: Iterable<readonly [position: number, item: ArchiveItem]>,
): FileContent[] {
  const files = new Map<string, { table: TableName; rows: Cell[][] }>();
  let first: number | undefined;
  let last = 0;
  for (const [position, item] of items) {
    first ??= position;
    last = position;
    const { table, stream, timeMs, cells } = describe(item);
    const folder = `${table}/day=${dayOf(timeMs)}/stream=${keyPart(stream)}`;
    const file = files.get(folder) ?? { table, rows: [] };
    files.set(folder, file);
    file.rows.push([partition, position, item.fate, item.tenant, stream, ...cells]);
  }
  const name = `p${partition}-${positionText(first ?? 0)}-${positionText(last)}.parquet`;
  return [...files]
    .map(([folder, file]) => ({ path: `${folder}/${name}`, ...file }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

function positionText(position: number): string {
  return String(position).padStart(12, "0");
}

interface Description {
  readonly table: TableName;
  readonly stream: string;
  /** Decides the day. */
  readonly timeMs: number;
  readonly cells: readonly Cell[];
}

function describe(item: ArchiveItem): Description {
  if (item.kind === "event") return describeEvent(item);
  if (item.kind === "line") return describeLine(item);
  return item.kind === "delta" ? describeDelta(item) : describeHole(item);
}

function describeEvent({ agent, event }: ArchivedEvent): Description {
  const { stream, source, file, generation, offset, index, timeMs, type, fields } = event;
  const place = placeOfEvent(agent, event);
  const where = [agent, source, file, generation, offset, index, place];
  const cells = [timeMs, type, JSON.stringify(fields), ...where];
  return { table: "events", stream, timeMs, cells };
}

function describeDelta(item: ArchivedDelta): Description {
  const { stream, service, dimensions, minute, aggregate, contributors } = item;
  const timeMs = minute * MINUTE_MS;
  const levels = LEVELS.flatMap((level, index) => {
    const count = aggregate.levels[index] ?? 0;
    return count === 0 ? [] : [[level, count] as const];
  });
  const writer = new ByteWriter();
  writeAggregate(writer, aggregate);
  const hasDuration = aggregate.durationCount > 0;
  const sum = BigInt(aggregate.durationSumHigh) * 2n ** 32n + BigInt(aggregate.durationSumLow);
  return {
    table: "deltas",
    stream,
    timeMs,
    cells: [
      service,
      timeMs,
      minute,
      aggregate.requestCount,
      aggregate.errorCount,
      JSON.stringify(Object.fromEntries(levels)),
      aggregate.durationCount,
      sum,
      hasDuration ? aggregate.durationMin : null,
      hasDuration ? aggregate.durationMax : null,
      JSON.stringify(contributors.list()),
      JSON.stringify(dimensions),
      JSON.stringify(aggregate.detail === undefined ? {} : measuresJson(aggregate.detail)),
      writer.finish(),
    ],
  };
}

function describeLine(item: ArchivedLine): Description {
  const { stream, timeMs, service, level, line, weight, source } = item.line;
  const what = [timeMs, service, level, line, weight];
  return { table: "lines", stream, timeMs, cells: [...what, item.agent, source, idOfLine(item)] };
}

function describeHole({ hole }: ArchivedHole): Description {
  const { stream, fromMs, toMs, count } = hole;
  return { table: "holes", stream, timeMs: fromMs, cells: [fromMs, toMs, count] };
}
