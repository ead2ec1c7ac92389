/** Windows are half-open intervals of event time, a whole number of minutes long, aligned to the Unix epoch in UTC. */

/** Milliseconds of the smallest window. */
export const MINUTE_MS = 60_000;

/** The minute, counted from the Unix epoch, that holds a moment; negative before 1970. */
export function minuteOf(timeMs: number): number {
  return Math.floor(timeMs / MINUTE_MS);
}

/** The first minute of the window of `windowMinutes` minutes that holds `minute`. */
export function windowStartMinute(minute: number, windowMinutes: number): number {
  return Math.floor(minute / windowMinutes) * windowMinutes;
}

/** The start of a minute as `2026-11-20T10:00:00.000Z`. */
export function minuteToIso(minute: number): string {
  return new Date(minute * MINUTE_MS).toISOString();
}

/** The whole minute that `iso` is the start of, as {@link minuteToIso} writes it; undefined for any other text. */
export function isoToMinute(iso: string): number | undefined {
  const minute = Date.parse(iso) / MINUTE_MS;
  return Number.isInteger(minute) && minuteToIso(minute) === iso ? minute : undefined;
}
