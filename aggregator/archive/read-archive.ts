/** Reads an archive with DuckDB: SQL of people over views of it, and events in their order for rules. It never writes. */
import { resolve } from "node:path";
import type { DuckDBResult, DuckDBValue } from "@duckdb/node-api";
import { z } from "zod";
import type { Aggregate } from "../../shared/aggregates/aggregate.ts";
import { type Dimensions, dimensionsKey } from "../../shared/aggregates/dimensions.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import { readAggregate } from "../state/aggregate-format.ts";
import { ByteReader } from "../state/byte-reader.ts";
import { type ArchiveFile, listArchive } from "./archive-file.ts";
import { type Database, openDatabase, sqlText } from "./duckdb.ts";
import { TABLES, type TableName } from "./tables.ts";

const DAY_MS = 86_400_000;
const TABLE_NAMES = ["events", "deltas", "holes", "lines"] as const satisfies readonly TableName[];
/** Columns that hold JSON. */
const JSON_COLUMNS: Readonly<Record<TableName, readonly string[]>> = {
  events: ["fields"],
  deltas: ["levels", "contributors", "dimensions", "measures"],
  holes: [],
  lines: [],
};

/** An event that no rule sees too late, as it was archived. */
export interface StoredEvent {
  readonly tenant: string;
  /** Its place in the order of events. */
  readonly place: string;
  readonly timeMs: number;
  readonly type: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What a window of a minute said when it first became final, from what was archived by then. */
export interface StoredWindow {
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** Of the first of its parts, unless windows are asked for as dimensions keep them apart. */
  readonly dimensions: Dimensions;
  readonly minute: number;
  readonly aggregate: Aggregate;
}

/** A gap in the events of a stream, as it was archived. */
export interface StoredHole {
  readonly tenant: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** Which events are asked for: `fromMs` <= time < `toMs`. */
export interface EventRange {
  readonly stream: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** See the head of this file. */
export class ArchiveReader implements Disposable {
  readonly files: readonly ArchiveFile[];
  readonly #database: Database;

  private constructor(files: readonly ArchiveFile[], database: Database) {
    this.files = files;
    this.#database = database;
  }

  /** Opens the archive of a folder as it is now; what is written later is not seen. Fails as the disk does. */
  static async open(disk: Disk, directory: string): Promise<ArchiveReader> {
    const root = resolve(directory);
    const files = await listArchive(disk, root);
    const database = await openDatabase({ threads: "2", memory_limit: "2GB" });
    const { connection } = database;
    for (const table of TABLE_NAMES) await connection.run(viewOf(table, files));
    await connection.run(`SET allowed_directories = [${sqlText(root)}]`);
    // From here on SQL reaches no other file, and cannot change that.
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
    return new ArchiveReader(files, database);
  }

  /** Runs one SELECT. A text says why it is none. Fails with ARCHIVE_FAILED, also while rows are read. */
  async select(sql: string): Promise<DuckDBResult | string> {
    const { connection } = this.#database;
    const { StatementType } = await import("@duckdb/node-api");
    try {
      const statements = await connection.extractStatements(sql);
      if (statements.count !== 1) return "expected one statement";
      const statement = await statements.prepare(0);
      if (statement.statementType !== StatementType.SELECT)
        return "expected a SELECT: an archive is only read";
      return await statement.stream();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return error.message;
    }
  }

  /** The events of a range that came in time, in the order of events; no more than those of a day are held at once. */
  async *events({ stream, fromMs, toMs }: EventRange): AsyncIterable<StoredEvent> {
    for (const paths of this.#filesByDay("events", fromMs, toMs)) {
      const rows = await this.#rows(
        `SELECT tenant, place, epoch_ms(time), type, fields FROM ${readFiles(paths)}
         WHERE stream = $stream AND fate = 'in_time' AND epoch_ms(time) >= $from AND epoch_ms(time) < $to ORDER BY place`,
        { stream, from: bigTime(fromMs), to: bigTime(toMs) },
      );
      for await (const row of rows) yield storedEvent(row);
    }
  }

  /**
   * The windows of a range of minutes that something came in time for, as they first became final, ascending by minute; those of one minute
   * in no order. No more than the windows of one minute are held at once. `isApart`: each with its dimensions.
   */
  async *windows(
    fromMinute: number,
    toMinute: number,
    isApart = false,
  ): AsyncIterable<StoredWindow> {
    const [fromMs, toMs] = [fromMinute * MINUTE_MS, toMinute * MINUTE_MS];
    for (const paths of this.#filesByDay("deltas", fromMs, toMs)) {
      const rows = await this.#rows(
        `SELECT tenant, stream, service, minute, aggregate, dimensions FROM ${readFiles(paths)}
         WHERE fate = 'in_time' AND minute >= $from AND minute < $to ORDER BY minute`,
        { from: bigTime(fromMinute), to: bigTime(toMinute) },
      );
      let windows = new Map<string, StoredWindow>();
      let current: number | undefined;
      for await (const row of rows) {
        const window = storedWindow(row);
        if (window.minute !== current) yield* windows.values();
        if (window.minute !== current) windows = new Map();
        current = window.minute;
        const { tenant, stream, service, dimensions } = window;
        const apart = isApart ? dimensionsKey(dimensions) : "";
        const name = JSON.stringify([tenant, stream, service, apart]);
        const known = windows.get(name);
        if (known === undefined) windows.set(name, window);
        else known.aggregate.merge(window.aggregate);
      }
      yield* windows.values();
    }
  }

  /** Counts the lines of a range of minutes that came after their window was final. */
  async lateLineCount(fromMinute: number, toMinute: number): Promise<number> {
    let count = 0;
    for (const paths of this.#filesByDay("deltas", fromMinute * MINUTE_MS, toMinute * MINUTE_MS)) {
      const rows = await this.#rows(
        `SELECT coalesce(sum(request_count), 0)::BIGINT FROM ${readFiles(paths)}
         WHERE fate <> 'in_time' AND minute >= $from AND minute < $to`,
        { from: bigTime(fromMinute), to: bigTime(toMinute) },
      );
      for await (const [value] of rows) count += numberCell.parse(value);
    }
    return count;
  }

  /** Counts the events of a range that came too late for rules. */
  async lateEventCount({ stream, fromMs, toMs }: EventRange): Promise<number> {
    let count = 0;
    for (const paths of this.#filesByDay("events", fromMs, toMs)) {
      const rows = await this.#rows(
        `SELECT count(*) FROM ${readFiles(paths)}
         WHERE stream = $stream AND fate <> 'in_time' AND epoch_ms(time) >= $from AND epoch_ms(time) < $to`,
        { stream, from: bigTime(fromMs), to: bigTime(toMs) },
      );
      for await (const [value] of rows) count += numberCell.parse(value);
    }
    return count;
  }

  /** All gaps in the events of a stream. */
  async holes(stream: string): Promise<StoredHole[]> {
    const holes: StoredHole[] = [];
    const rows = await this.#rows(
      "SELECT tenant, epoch_ms(from_time), epoch_ms(to_time) FROM holes WHERE stream = $stream",
      { stream },
    );
    for await (const row of rows) {
      const [tenant, fromMs, toMs] = holeRow.parse(row);
      holes.push({ tenant, fromMs, toMs });
    }
    return holes;
  }

  [Symbol.dispose](): void {
    this.#database[Symbol.dispose]();
  }

  *#filesByDay(table: TableName, fromMs: number, toMs: number): Iterable<readonly string[]> {
    const days = new Map<number, string[]>();
    for (const file of this.files) {
      if (file.table !== table || file.dayMs + DAY_MS <= fromMs || file.dayMs >= toMs) continue;
      days.set(file.dayMs, [...(days.get(file.dayMs) ?? []), file.path]);
    }
    yield* days.values();
  }

  async #rows(
    sql: string,
    values: Record<string, DuckDBValue>,
  ): Promise<AsyncIterable<readonly DuckDBValue[]>> {
    try {
      return eachRow(await this.#database.connection.stream(sql, values));
    } catch (cause) {
      throw archiveFailed(cause);
    }
  }
}

/** The rows of a result, one after the other. Fails with ARCHIVE_FAILED. */
export async function* eachRow(result: DuckDBResult): AsyncIterable<readonly DuckDBValue[]> {
  try {
    for await (const rows of result.yieldRows()) yield* rows;
  } catch (cause) {
    throw archiveFailed(cause);
  }
}

function archiveFailed(cause: unknown): TailraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new TailraceError("ARCHIVE_FAILED", `The archive cannot be read: ${reason}`, { cause });
}

function viewOf(table: TableName, files: readonly ArchiveFile[]): string {
  const paths = files.filter((file) => file.table === table).map(({ path }) => path);
  if (paths.length === 0) {
    const columns = TABLES[table].map(({ name, type }) => {
      return `"${name}" ${JSON_COLUMNS[table].includes(name) ? "JSON" : type}`;
    });
    return `CREATE TABLE ${table} (${columns.join(", ")})`;
  }
  const casts = JSON_COLUMNS[table].map((name) => `"${name}"::JSON AS "${name}"`);
  const replace = casts.length === 0 ? "" : `REPLACE (${casts.join(", ")})`;
  return `CREATE VIEW ${table} AS SELECT * ${replace} FROM ${readFiles(paths)}`;
}

function readFiles(paths: readonly string[]): string {
  const list = paths.map(sqlText).join(", ");
  return `read_parquet([${list}], union_by_name = true, hive_partitioning = false)`;
}

/** Unbounded ends become times beyond every event's. */
function bigTime(timeMs: number): bigint {
  const bound = 9e15;
  return BigInt(Math.min(Math.max(Math.ceil(timeMs), -bound), bound));
}

const numberCell = z.union([z.number(), z.bigint().transform(Number)]);
const fieldsCell = z.record(z.string(), z.unknown());
const eventRow = z.tuple([z.string(), z.string(), numberCell, z.string().nullable(), z.string()]);
const windowRow = z.tuple([
  z.string(),
  z.string(),
  z.string(),
  numberCell,
  z.object({ bytes: z.instanceof(Uint8Array) }).transform(({ bytes }) => bytes),
  z.string(),
]);
const dimensionsCell = z.record(z.string(), z.string());
const holeRow = z.tuple([z.string(), numberCell, numberCell]);

function storedEvent(row: readonly DuckDBValue[]): StoredEvent {
  const [tenant, place, timeMs, type, fields] = eventRow.parse(row);
  return { tenant, place, timeMs, type, fields: fieldsCell.parse(JSON.parse(fields)) };
}

function storedWindow(row: readonly DuckDBValue[]): StoredWindow {
  const [tenant, stream, service, minute, bytes, apart] = windowRow.parse(row);
  const dimensions = dimensionsCell.parse(JSON.parse(apart));
  const reader = new ByteReader(Buffer.from(bytes), "STATE_CORRUPT");
  return { tenant, stream, service, dimensions, minute, aggregate: readAggregate(reader) };
}
