import type { AlertResult, Result } from "./sink.ts";

/** A result that changed. */
export interface Change {
  /** Rises with every change of any result; a result has only its newest. */
  readonly change: number;
  /**
   * The newest state of what changed: of a window the `windowMinutes` minutes around it, so several changes can have one result. Undefined
   * when its retention is over.
   */
  result(windowMinutes: number): Result | undefined;
}

/** The store's index of changes of one kind of results, as deliveries walk it. Reads see what is committed. */
export interface ChangeFeed {
  /** Changes after number `after`, ascending, at most `limit`. */
  changes(after: number, limit: number): readonly Change[];
  /** Number of the newest change; 0 before the first. */
  newestChange(): number;
  /** The newest state of a result that was delivered before; undefined when its retention is over. */
  newest(result: Result): Result | undefined;
  /** Alerts that fire now; absent for other results. */
  firing?(): readonly AlertResult[];
  /** The watermark in milliseconds since the Unix epoch, undefined before the first. */
  watermarkMs(): number | undefined;
  /** Resolves when there are changes after `after` (-1: when the store can be read), or at once when `signal` aborts. */
  changed(after: number, signal: AbortSignal): Promise<void>;
}
