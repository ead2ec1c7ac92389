/** DuckDB: writes the archive's files and reads them. It is loaded when it is first used: 50 MiB that others need not pay. */
import type { DuckDBAppender, DuckDBConnection } from "@duckdb/node-api";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import type { TableWriter } from "./archiver.ts";
import { type Cell, type ColumnType, type FileContent, TABLES } from "./tables.ts";

/** µs; what a TIMESTAMP can hold. */
const TIMESTAMP_MS_MAX = 9.2e15;

/** A database in memory. */
export interface Database extends Disposable {
  readonly connection: DuckDBConnection;
}

/** In the packages of a system DuckDB is one of its own. */
async function loadDuckdb(): Promise<typeof import("@duckdb/node-api")> {
  try {
    return await import("@duckdb/node-api");
  } catch (cause) {
    if (systemCode(cause) !== "ERR_MODULE_NOT_FOUND") throw cause;
    const text = "the archive needs DuckDB: install the package `tailrace-archive`";
    throw new TailraceError("PROGRAM_FILE_MISSING", text, { cause });
  }
}

/** Opens a database in memory that loads nothing from elsewhere. */
export async function openDatabase(settings: Readonly<Record<string, string>>): Promise<Database> {
  const { DuckDBInstance } = await loadDuckdb();
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    ...settings,
  });
  const connection = await instance.connect();
  return {
    connection,
    [Symbol.dispose]: () => {
      connection.closeSync();
      instance.closeSync();
    },
  };
}

/** A text as a literal of SQL. */
export function sqlText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Opens a writer of Parquet files. */
export async function openParquetWriter(): Promise<TableWriter> {
  const database = await openDatabase({ threads: "1", memory_limit: "256MB" });
  const { connection } = database;
  const append = await cellAppender();
  return {
    write: async (path, content) => {
      try {
        await writeFile(connection, append, path, content);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const message = `${path} cannot be written: ${reason}`;
        throw new TailraceError("ARCHIVE_FAILED", message, { cause, facts: { path } });
      }
    },
    [Symbol.asyncDispose]: async () => database[Symbol.dispose](),
  };
}

type AppendCell = (appender: DuckDBAppender, type: ColumnType, cell: Cell) => void;

async function writeFile(
  connection: DuckDBConnection,
  append: AppendCell,
  path: string,
  { table, rows }: FileContent,
): Promise<void> {
  const columns = TABLES[table];
  const declared = columns.map(({ name, type }) => `"${name}" ${type}`).join(", ");
  await connection.run(`CREATE OR REPLACE TABLE content (${declared})`);
  const appender = await connection.createAppender("content");
  for (const row of rows) {
    for (const [index, { type }] of columns.entries()) append(appender, type, row[index] ?? null);
    appender.endRow();
  }
  appender.closeSync();
  const target = `${sqlText(path)} (FORMAT parquet, COMPRESSION zstd)`;
  await connection.run(`COPY (SELECT * FROM content ORDER BY position) TO ${target}`);
  await connection.run("DROP TABLE content");
}

async function cellAppender(): Promise<AppendCell> {
  const { DuckDBDecimalValue, DuckDBTimestampValue } = await import("@duckdb/node-api");
  return (appender, type, cell) => {
    if (cell === null) appender.appendNull();
    else if (typeof cell === "string") appender.appendVarchar(cell);
    else if (typeof cell === "bigint") {
      appender.appendDecimal(new DuckDBDecimalValue(cell, 38, 0));
    } else if (typeof cell !== "number") appender.appendBlob(cell);
    else if (type === "DOUBLE") appender.appendDouble(cell);
    else if (type !== "TIMESTAMP") appender.appendBigInt(BigInt(cell));
    else if (Math.abs(cell) > TIMESTAMP_MS_MAX) appender.appendNull();
    else appender.appendTimestamp(new DuckDBTimestampValue(BigInt(cell) * 1_000n));
  };
}
