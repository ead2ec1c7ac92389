/**
 * The state store of an embedded aggregator: a file of SQLite, which Node brings along, with a table for rows and three for indices (sqlite-tables).
 *
 * It was chosen against LMDB (npm `lmdb` 3) by measuring both on what an aggregator does: 1.2 million rows of 500 to 800 bytes in the
 * background; commits that put 1,000 windows of 500 to 1,500 bytes, one entry of the change index for each (and delete its older one), and 20
 * rows of agents, after reading the 1,000; durable each. Two cores, a disk that syncs in 0.6 ms, Node 26:
 *
 *                                      SQLite, rowid   SQLite, WITHOUT ROWID   LMDB
 *   commit, newest windows, p50 / p99   8.5 / 14.9 ms       12.1 / 37.9 ms     14.6 / 22.9 ms
 *   commit, windows of any age, p50     62 ms               28 ms              58 ms
 *   reading 1,000 newest windows        2.2 ms              3.3 ms             1.7 ms
 *   one random read                     10 µs               14 µs              4 µs
 *   range of 1,440 windows              5.5 ms              3.9 ms             2.7 ms
 *   size of the file                    1.24 GB             1.44 GB            1.33 GB
 *   RSS (anonymous)                     294 (238) MB        294 (238) MB       1953 (213) MB
 *
 * Commits of the newest windows are what happens all the time, and there SQLite in an ordinary table is fastest. LMDB reads faster, but its
 * pages count as the process's memory, its asynchronous transactions never resolved on this Node, and it would be one more native module.
 * `npx node test/benchmark/state-store.ts` repeats the measurement for this file. A commit holds up the event loop for its time.
 *
 * Durability: write-ahead log, `synchronous=FULL`: every commit is synced. The log is copied back every 16 MiB. The file is locked for the life of the
 * store, so no second process opens it. After an error of the disk the store is closed: what SQLite could not sync may yet turn up after
 * a restart, so only a new start can tell what was committed. A full disk is no such error: the commit was taken back and may be tried again.
 */
import { dirname } from "node:path";
import { backup, DatabaseSync, type StatementSync } from "node:sqlite";
import { assert } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { Disk } from "../../shared/platform/disk.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import type { StateChange } from "../log/log.ts";
import type { RangeOptions } from "./ordered-map.ts";
import {
  CREATE_TABLES,
  MOVE_FROM_VERSION_1,
  TABLES,
  type TableRange,
  tableOf,
  tablesOf,
} from "./sqlite-tables.ts";
import type { StateStore } from "./state-store.ts";

/** 1: all rows were in one table. */
const FORMAT_VERSION = 2;
/** "tlrc": tells `file` and us that the database is ours. */
const APPLICATION_ID = 0x746c7263;
/** Pages of 4 KiB that a backup copies at once, some milliseconds during which nothing else reads or commits. */
const BACKUP_PAGES = 1_024;
/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_FULL = 13;
/** Rows of a range that are fetched together: a day of minutes takes three turns, and a page of large rows stays below 1 MiB. */
const RANGE_PAGE_ROWS = 512;

/** The store in a file. */
export interface SqliteStateStore extends StateStore {
  /**
   * Copies the store as of one commit into a file, which must not exist, while it goes on to be used: what is committed meanwhile is in the
   * copy, too. Not durable. Fails with STORE_FAILED.
   */
  backup(path: string): Promise<void>;
}

/**
 * Opens the store in a file; made, with its folder, when absent. Fails with LOCK_HELD when another process has it open, with
 * FORMAT_UNKNOWN when a newer version wrote it, with STORE_FAILED when it cannot be used.
 */
export async function openSqliteStore(disk: Disk, path: string): Promise<SqliteStateStore> {
  await makeDurableDirectory(disk, dirname(path));
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    prepareDatabase(database, path);
    return new SqliteStore(database, path);
  } catch (cause) {
    database?.close();
    if (cause instanceof TailraceError) throw cause;
    if (resultCode(cause) === SQLITE_BUSY) {
      throw new TailraceError(
        "LOCK_HELD",
        `Another process uses ${path}. Stop it, or give this one a data_dir of its own.`,
        { cause, facts: { path } },
      );
    }
    throw failed(path, "cannot be opened; this user has to own it", cause);
  }
}

function prepareDatabase(database: DatabaseSync, path: string): void {
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 4096;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384;
  `);
  const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
  const applicationId = database.prepare("PRAGMA application_id").get()?.["application_id"];
  if (applicationId !== 0 && applicationId !== APPLICATION_ID) {
    throw failed(path, "is the database of another program", undefined);
  }
  if (version !== 0 && version !== 1 && version !== FORMAT_VERSION) {
    throw new TailraceError(
      "FORMAT_UNKNOWN",
      `The state store ${path} has format ${String(version)}, this version reads 1 and ${FORMAT_VERSION}; use the version that wrote it or a newer one.`,
      { facts: { path } },
    );
  }
  // Takes the lock, and keeps it until the database is closed.
  database.exec(`
    BEGIN IMMEDIATE;
    PRAGMA application_id = ${APPLICATION_ID};
    PRAGMA user_version = ${FORMAT_VERSION};
    ${CREATE_TABLES}
    ${version === 1 ? MOVE_FROM_VERSION_1 : ""}
    COMMIT;
  `);
}

class SqliteStore implements SqliteStateStore {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #tables: ReadonlyMap<string, TableStatements>;
  #end: "failed" | "closed" | undefined;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#tables = new Map(TABLES.map((table) => [table, prepareStatements(database, table)]));
  }

  get(key: string): Buffer | undefined {
    this.#checkOpen();
    const row = this.#read(() => this.#statements(tableOf(key)).get.get(key));
    return row === undefined ? undefined : bytesOf(row["value"]);
  }

  *range(
    from: string,
    to: string,
    options: RangeOptions = {},
  ): Generator<readonly [key: string, value: Buffer]> {
    const parts = tablesOf(from, to);
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    for (const part of options.reverse === true ? parts.reverse() : parts) {
      if (left <= 0) return;
      for (const entry of this.#walk(part, options.reverse === true, left)) {
        left--;
        yield entry;
      }
    }
  }

  /** Fetches in pages: who lets a commit happen while walking sees it from the next page on. */
  *#walk(
    { table, from, to }: TableRange,
    isReverse: boolean,
    limit: number,
  ): Generator<readonly [key: string, value: Buffer]> {
    const { ascending, descending } = this.#statements(table);
    const statement = isReverse ? descending : ascending;
    let left = limit;
    let [start, end] = [from, to];
    while (left > 0) {
      this.#checkOpen();
      const wanted = Math.min(left, RANGE_PAGE_ROWS);
      const rows: readonly unknown[] = this.#read(() => statement.all(start, end, wanted));
      for (const row of rows) {
        const [key, value] = cellsOf(row);
        // Keys are printable, so nothing lies between a key and the key with a space behind it.
        if (isReverse) end = key;
        else start = `${key} `;
        yield [key, bytesOf(value)];
      }
      if (rows.length < wanted) return;
      left -= rows.length;
    }
  }

  async commit(changes: readonly StateChange[]): Promise<void> {
    this.#checkOpen();
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      for (const { key, value } of changes) {
        const statements = this.#statements(tableOf(key));
        if (value === undefined) statements.delete.run(key);
        else statements.put.run(key, value);
      }
      this.#database.exec("COMMIT");
    } catch (cause) {
      this.#takeBack(cause);
      throw failed(this.#path, "did not commit", cause);
    }
  }

  async backup(path: string): Promise<void> {
    this.#checkOpen();
    try {
      await backup(this.#database, path, { rate: BACKUP_PAGES });
    } catch (cause) {
      throw failed(this.#path, `was not copied to ${path}`, cause);
    }
  }

  async close(): Promise<void> {
    if (this.#end === undefined) this.#database.close();
    this.#end = "closed";
  }

  #statements(table: string): TableStatements {
    const statements = this.#tables.get(table);
    assert(statements !== undefined, `the store has no table ${table}`);
    return statements;
  }

  #takeBack(cause: unknown): void {
    if (resultCode(cause) === SQLITE_FULL) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      return;
    }
    this.#end = "failed";
    this.#database.close();
  }

  #read<T>(run: () => T): T {
    try {
      return run();
    } catch (cause) {
      throw failed(this.#path, "cannot be read", cause);
    }
  }

  #checkOpen(): void {
    if (this.#end === undefined) return;
    const why =
      this.#end === "closed" ? "is closed" : "was closed after an error of the disk; start anew";
    throw failed(this.#path, why, undefined);
  }
}

/** What is asked of one table. */
interface TableStatements {
  readonly get: StatementSync;
  readonly ascending: StatementSync;
  readonly descending: StatementSync;
  readonly put: StatementSync;
  readonly delete: StatementSync;
}

function prepareStatements(database: DatabaseSync, table: string): TableStatements {
  const range = `SELECT key, value FROM ${table} WHERE key >= ? AND key < ? ORDER BY key`;
  const statements = {
    get: database.prepare(`SELECT value FROM ${table} WHERE key = ?`),
    ascending: database.prepare(`${range} LIMIT ?`),
    descending: database.prepare(`${range} DESC LIMIT ?`),
    put: database.prepare(
      `INSERT INTO ${table} (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    ),
    delete: database.prepare(`DELETE FROM ${table} WHERE key = ?`),
  };
  // A query of a day of minutes costs an eighth less with arrays than with objects.
  for (const walk of [statements.ascending, statements.descending]) walk.setReturnArrays(true);
  return statements;
}

function cellsOf(row: unknown): readonly [key: string, value: unknown] {
  if (!Array.isArray(row)) throw new TypeError("a row of the store is no array");
  return [String(row[0]), row[1]];
}

function bytesOf(value: unknown): Buffer {
  if (!(value instanceof Uint8Array)) throw new TypeError("a value of the store is not bytes");
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

function failed(path: string, what: string, cause: unknown): TailraceError {
  const reason = cause instanceof Error ? `: ${cause.message}` : "";
  return new TailraceError("STORE_FAILED", `The state store ${path} ${what}${reason}.`, {
    cause,
    facts: { path },
  });
}

/** The primary result code of SQLite: the extended one without its upper bytes. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode & 0xff : undefined;
}
