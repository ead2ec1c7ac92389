/** The rows in which the embedded log keeps its own facts inside the state store, under the reserved prefix. Each begins with a format byte. */
import { assert } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import { RESERVED_KEY_PREFIX } from "./check-commit.ts";
import type { StateChange, StateView } from "./log.ts";

const FORMAT_VERSION = 1;
const LOG_ID_KEY = `${RESERVED_KEY_PREFIX}log/id`;
const POSITION_PREFIX = `${RESERVED_KEY_PREFIX}log/position/batches/0/`;
const POSITION_PREFIX_END = `${RESERVED_KEY_PREFIX}log/position/batches/00`;

/** The row that holds the log's id. */
export function logIdChange(logId: string): StateChange {
  return {
    key: LOG_ID_KEY,
    value: Buffer.concat([Buffer.of(FORMAT_VERSION), Buffer.from(logId, "hex")]),
  };
}

/** The log id that the store knows, or undefined when it never met a log. */
export function readLogId(store: StateView): string | undefined {
  const row = store.get(LOG_ID_KEY);
  return row === undefined ? undefined : checked(row, LOG_ID_KEY).toString("hex", 1);
}

/** The row that holds a group's position: the next one to read of `batches`. It also registers the group as a reader. */
export function positionChange(group: string, position: number): StateChange {
  const value = Buffer.alloc(7);
  value.writeUInt8(FORMAT_VERSION, 0);
  value.writeUIntLE(position, 1, 6);
  return { key: POSITION_PREFIX + encodeURIComponent(group), value };
}

/** The committed position of a group, or undefined when it was never registered. */
export function readPosition(store: StateView, group: string): number | undefined {
  const key = POSITION_PREFIX + encodeURIComponent(group);
  const row = store.get(key);
  return row === undefined ? undefined : checked(row, key).readUIntLE(1, 6);
}

/** The lowest and highest position of all registered groups, or undefined when there is none. */
export function positionBounds(
  store: StateView,
): { readonly lowest: number; readonly highest: number } | undefined {
  let bounds: { lowest: number; highest: number } | undefined;
  for (const [key, row] of store.range(POSITION_PREFIX, POSITION_PREFIX_END)) {
    const position = checked(row, key).readUIntLE(1, 6);
    bounds ??= { lowest: position, highest: position };
    bounds.lowest = Math.min(bounds.lowest, position);
    bounds.highest = Math.max(bounds.highest, position);
  }
  return bounds;
}

/** The state without the log's own rows: what an owner may see. */
export function withoutLogRows(store: StateView): StateView {
  const reservedEnd = String.fromCharCode(RESERVED_KEY_PREFIX.charCodeAt(0) + 1);
  return {
    get: (key) => (key.startsWith(RESERVED_KEY_PREFIX) ? undefined : store.get(key)),
    *range(from, to, options = {}) {
      const lower = [from, to < RESERVED_KEY_PREFIX ? to : RESERVED_KEY_PREFIX] as const;
      const upper = [from > reservedEnd ? from : reservedEnd, to] as const;
      let left = options.limit ?? Number.POSITIVE_INFINITY;
      for (const [start, end] of options.reverse === true ? [upper, lower] : [lower, upper]) {
        if (start >= end || left <= 0) continue;
        for (const entry of store.range(start, end, { ...options, limit: left })) {
          left--;
          yield entry;
        }
      }
    },
  };
}

function checked(row: Buffer, key: string): Buffer {
  assert(row.length > 0, `the row ${key} is empty`);
  if (row[0] === FORMAT_VERSION) return row;
  throw new TailraceError(
    "FORMAT_UNKNOWN",
    `The state store's row ${key} has format ${row[0]}, this version reads ${FORMAT_VERSION}; use the version that wrote it or a newer one.`,
    { facts: { key } },
  );
}
