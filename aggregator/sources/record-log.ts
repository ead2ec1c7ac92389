/** What sources need of the log and of stage 1 behind it. */
import type { InletEntry, InletName } from "../log/inlet-entry.ts";

/** Stage 1's word on an entry, once it is committed. */
export interface InletWord {
  /** `rewind`: it does not begin at `position`, where the inlet's next entry must begin. `conflict`: its key is that of another request. */
  readonly verdict: "applied" | "duplicate" | "rewind" | "conflict";
  readonly position: number;
}

/** How far an inlet is counted. */
export type InletStanding =
  /** Stage 1 of the inlet's partition is not here, or not yet. */
  | { readonly isOwned: false }
  /** `position`: where its next entry must begin; undefined while nothing was counted. */
  | { readonly isOwned: true; readonly position: number | undefined };

/**
 * The way into the log. An append resolves when it is durable, with a promise of stage 1's word, which is undefined when that is not known
 * before `signal` aborts. It fails as the log does: LOG_FULL and LOG_UNAVAILABLE (certainly absent), LOG_UNKNOWN.
 */
export interface RecordLog {
  standing(name: InletName): InletStanding;
  append(entry: InletEntry): Promise<{ word(signal: AbortSignal): Promise<InletWord | undefined> }>;
}
