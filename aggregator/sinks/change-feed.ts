import type { WindowResult } from "./sink.ts";

/** A window of one minute that changed. */
export interface WindowChange {
  /** Rises with every change of any window; a window has only its newest. */
  readonly change: number;
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** Start of the window in minutes since the Unix epoch. */
  readonly minute: number;
}

/** The store's index of changes, as deliveries walk it. Reads see what is committed. */
export interface ChangeFeed {
  /** Changes after number `after`, ascending, at most `limit`. */
  changes(after: number, limit: number): readonly WindowChange[];
  /** Number of the newest change; 0 before the first. */
  newestChange(): number;
  /** The newest state of the `windowMinutes` minutes around a changed window, or undefined when its retention is over. */
  result(change: WindowChange, windowMinutes: number): WindowResult | undefined;
  /** The watermark in milliseconds since the Unix epoch, undefined before the first. */
  watermarkMs(): number | undefined;
  /** Resolves when there are changes after `after` (-1: when the store can be read), or at once when `signal` aborts. */
  changed(after: number, signal: AbortSignal): Promise<void>;
}
