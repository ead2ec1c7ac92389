import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { InletEntry } from "../log/inlet-entry.ts";
import type { InletWord, RecordLog } from "./record-log.ts";

/** Longest wait for stage 1's word before the entry is appended again, which changes nothing if it was applied. */
const WORD_WAIT_MS_MAX = 5_000;
const RETRY_MS = 500;

/** What appending works with. */
export interface AppendParts {
  readonly records: RecordLog;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** Called before each further attempt; may reject to give up. */
  readonly beforeRetry: () => Promise<void>;
}

/**
 * Appends an entry of a range again and again until stage 1's word on it is known. That is safe, since it applies once. Undefined when `signal`
 * aborts first: then nobody knows, and the inlet's position tells at the next start.
 */
export async function appendRange(
  entry: InletEntry,
  parts: AppendParts,
): Promise<InletWord | undefined> {
  const { records, timers, logger, signal } = parts;
  let failureCount = 0;
  while (!signal.aborted) {
    try {
      const appended = await records.append(entry);
      const limit = new AbortController();
      const stop = () => limit.abort();
      signal.addEventListener("abort", stop, { once: true });
      const waiting = timers.sleep(WORD_WAIT_MS_MAX, limit.signal).then(stop);
      const word = await appended.word(limit.signal);
      signal.removeEventListener("abort", stop);
      stop();
      await waiting;
      if (word !== undefined) return word;
    } catch (error) {
      if (!(error instanceof TailraceError) || error.retry === "never") throw error;
      const facts = { source: entry.source, place: entry.place, reason: error.message };
      if (failureCount++ === 0) logger.warn("the log does not take records; trying again", facts);
      await timers.sleep(RETRY_MS, signal);
    }
    if (!signal.aborted) await parts.beforeRetry();
  }
  return undefined;
}
