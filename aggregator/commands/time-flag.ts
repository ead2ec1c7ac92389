/** Times on the command line: a moment, a day, or how long ago. */
import { UsageError } from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const MOMENT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * Milliseconds since the epoch that the option `name` says; undefined when it is not given. A day begins at midnight UTC, `1h` is an hour
 * before `nowMs`. Fails with UsageError.
 */
export function timeFlag(name: string, text: unknown, nowMs: number): number | undefined {
  if (typeof text !== "string") return undefined;
  const agoMs = parseDurationMs(text);
  const isMoment = DAY.test(text) || MOMENT.test(text);
  const ms = agoMs === undefined ? (isMoment ? Date.parse(text) : Number.NaN) : nowMs - agoMs;
  // What no date can show is not a number then.
  if (!Number.isNaN(new Date(ms).getTime())) return ms;
  throw new UsageError(
    `${name} ${text} is no time such as 2026-11-25T10:00:00Z or 2026-11-25, nor how long ago, such as 1h`,
  );
}
