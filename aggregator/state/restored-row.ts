import type { StateChange, StateView } from "../log/log.ts";
import { ByteReader } from "./byte-reader.ts";
import { ByteWriter } from "./byte-writer.ts";

const RESTORED_KEY = "restored";
const VERSION = 1;
/** A window or an alert changes less often than this, so a revision that begins at the time is higher than any before. */
const REVISION_MS = 10;

/** Says in a store that it was restored from a backup at a time, in milliseconds since the Unix epoch. */
export function restoredChange(timeMs: number): StateChange {
  const writer = new ByteWriter();
  writer.byte(VERSION);
  writer.uint(Math.max(0, Math.floor(timeMs)));
  return { key: RESTORED_KEY, value: writer.finish() };
}

/**
 * Revisions are at least this. What an aggregator wrote between a backup and its loss has revisions that the restored state does not know of;
 * what it writes later must be newer wherever revisions are compared. 0 when the state was never restored.
 */
export function revisionBase(view: StateView): number {
  const bytes = view.get(RESTORED_KEY);
  if (bytes === undefined) return 0;
  const reader = new ByteReader(bytes, "STATE_CORRUPT");
  reader.version(VERSION, "row of a restore");
  return Math.floor(reader.uint() / REVISION_MS);
}
