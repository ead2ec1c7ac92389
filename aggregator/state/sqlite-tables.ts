/**
 * The tables of the state store, and which holds a key. The indices of windows have small rows by the million, in rising order: each has a
 * table that is its own index, so that a key is stored once and pages are full. All else, windows above all, is in a table in the order in
 * which it was first written, with an index: those that change all the time stand together, whatever their service.
 *
 * With 200 services and 20 bins that is 452 bytes a window of a minute, its roll-ups included; in a single table of the second kind it was 563.
 */

/** A table, and the keys [`from`, `to`) that it holds. */
export interface TableRange {
  readonly table: string;
  readonly from: string;
  readonly to: string;
}

/** Kind of row, which is the first part of its key, and the table of its own; ascending. */
const INDEX_TABLES = [
  ["change", "window_change"],
  ["minute", "window_minute"],
  ["rollup-minute", "roll_up_minute"],
] as const;

const STATE_TABLE = "state";
/** Sorts after every key: they are printable ASCII. */
const AFTER_ALL = "\u{7f}";

/** All tables in the order of keys; that of the rest comes in several places. */
const RANGES: readonly TableRange[] = INDEX_TABLES.flatMap(([kind, table], at) => {
  const before = INDEX_TABLES[at - 1];
  const rest = { table: STATE_TABLE, from: before ? `${before[0]}0` : "", to: `${kind}/` };
  return [rest, { table, from: `${kind}/`, to: `${kind}0` }];
}).concat({ table: STATE_TABLE, from: `${INDEX_TABLES[2][0]}0`, to: AFTER_ALL });

/** Their names. */
export const TABLES: readonly string[] = [...new Set(RANGES.map(({ table }) => table))];

/** Makes all tables that are not there. */
export const CREATE_TABLES: string = TABLES.map((table) =>
  table === STATE_TABLE
    ? `CREATE TABLE IF NOT EXISTS ${table} (key TEXT NOT NULL UNIQUE, value BLOB NOT NULL);`
    : `CREATE TABLE IF NOT EXISTS ${table} (key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;`,
).join("\n");

/** Moves what version 1 of the format had in its single table. */
export const MOVE_FROM_VERSION_1: string = RANGES.filter(({ table }) => table !== STATE_TABLE)
  .map(
    ({ table, from, to }) => `
      INSERT INTO ${table} SELECT key, value FROM ${STATE_TABLE} WHERE key >= '${from}' AND key < '${to}' ORDER BY key;
      DELETE FROM ${STATE_TABLE} WHERE key >= '${from}' AND key < '${to}';`,
  )
  .join("\n");

/** The table that holds a key. */
export function tableOf(key: string): string {
  for (const [kind, table] of INDEX_TABLES) {
    if (key.startsWith(kind) && key[kind.length] === "/") return table;
  }
  return STATE_TABLE;
}

/** What of [`from`, `to`) is in which table, ascending. */
export function tablesOf(from: string, to: string): TableRange[] {
  return RANGES.filter((range) => range.from < to && from < range.to).map((range) => ({
    table: range.table,
    from: from > range.from ? from : range.from,
    to: to < range.to ? to : range.to,
  }));
}
