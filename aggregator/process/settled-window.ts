import type { SeriesKey } from "../state/keys.ts";
import type { WindowContent } from "../state/window-row.ts";

/**
 * A window of a minute or a roll-up that says something final: for the first time (`final`, once in its life) or again because something
 * came late (`corrected`). What it says is committed together with whatever is made of it. Its content may change later: use it at once.
 */
export interface SettledWindow extends WindowContent {
  readonly series: SeriesKey;
  /** Start, in minutes since the Unix epoch. */
  readonly minute: number;
  /** 1, 5, 60 or 1440. */
  readonly widthMinutes: number;
  readonly state: "final" | "corrected";
  /** Of a roll-up the sum of its minutes'. */
  readonly revision: number;
}
