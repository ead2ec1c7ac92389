/** Events that the aggregator's rules ask for: which ones, what travels of them, and what says that some are missing. */

/**
 * One event, projected to the fields that rules read. Events of the same time are in the order of (agent, source, file, generation,
 * offset, index).
 */
export interface SelectedEvent {
  readonly stream: string;
  readonly source: string;
  /** The file that holds the line, as in its checkpoint. */
  readonly file: number;
  readonly generation: number;
  /** Position of the line's first byte. */
  readonly offset: number;
  /** Place among the events of one line, from 0. */
  readonly index: number;
  /** Milliseconds since the Unix epoch. */
  readonly timeMs: number;
  /** Null when the event has none. */
  readonly type: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Events of a stream that were selected and then shed. */
export interface Hole {
  readonly stream: string;
  /** Event time of the first shed event, milliseconds. */
  readonly fromMs: number;
  /** Event time of the last shed event, milliseconds. */
  readonly toMs: number;
  readonly count: number;
}

/**
 * What rules need of one stream. An event is selected when one of `keys` is present, or there are none, and one of `where` holds, or there
 * are none.
 */
export interface Selector {
  readonly stream: string;
  /** Names of fields; any one of them suffices. */
  readonly keys: readonly string[];
  /** Expressions over the event; any one of them suffices. */
  readonly where: readonly string[];
  /** Names of the fields that travel. */
  readonly fields: readonly string[];
}

/** Everything that all rules need. */
export interface Selectors {
  /** Hex digits of a hash: the same for the same selectors; empty when there are none. */
  readonly revision: string;
  /** One per stream, in the order of their names. */
  readonly selectors: readonly Selector[];
}

/** What holds before an aggregator said anything. */
export const SELECTORS_NONE: Selectors = { revision: "", selectors: [] };

/** A revision is at most so many hex digits. */
export const REVISION = /^[0-9a-f]{0,64}$/;
