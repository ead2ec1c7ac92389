import { createHash } from "node:crypto";

/** Where a line stands, and when it says it happened. */
export interface LinePlace {
  readonly source: string;
  /** The file that holds the line, as in its checkpoint. */
  readonly file: number;
  readonly generation: number;
  /** Position of the line's first byte. */
  readonly offset: number;
  /** Milliseconds since the Unix epoch; of a line that tells no time, of the last line before it that does. */
  readonly timeMs: number;
}

/**
 * The id of a line, 32 hex digits: the same whenever the same bytes are read again, so that no store holds a line twice. Nothing of what the
 * line says goes into it, since from a hash of few unknown digits they could be found. The time keeps apart lines of two lives of a host
 * whose data folder was lost.
 */
export function lineId(agent: string, place: LinePlace): string {
  const { source, file, generation, offset, timeMs } = place;
  const text = JSON.stringify([agent, source, file, generation, offset, timeMs]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
