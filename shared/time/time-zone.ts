/**
 * What a wall clock's time means in UTC.
 *
 * A local time that occurs twice (clocks set back) is taken as the first of the two; one that does not occur (clocks set forward) is
 * read with the offset from before the change. These are the rules of Temporal's `compatible` and of Python's `fold=0`.
 */

const OFFSET_PATTERN = /^([+-])(\d\d):?(\d\d)$/;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;
/** Enough for every minute of a day's log; then the cache starts anew. */
const CACHED_MINUTES_MAX = 4096;

/** True when `name` is known: `host`, `UTC`, an offset such as `+02:00`, or an IANA name such as `Europe/Berlin`. */
export function isTimeZone(name: string): boolean {
  if (name === "host" || fixedOffset(name) !== undefined) return true;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function fixedOffset(name: string): number | undefined {
  if (name === "UTC" || name === "Z") return 0;
  const match = OFFSET_PATTERN.exec(name);
  if (match === null) return undefined;
  const hours = Number(match[2]);
  const minutes = Number(match[3]);
  if (hours > 23 || minutes > 59) return undefined;
  return (match[1] === "-" ? -1 : 1) * (hours * 60 + minutes) * MINUTE_MS;
}

/** A time zone. Keeps a cache, so that a log's lines cost a look-up per minute. */
export class TimeZone {
  readonly #fixedMs: number | undefined;
  #format: Intl.DateTimeFormat | undefined;
  readonly #offsets = new Map<number, number>();

  /** Fails with RangeError when {@link isTimeZone} is false of `name`. */
  constructor(name: string) {
    this.#fixedMs = fixedOffset(name);
    // The host's is made when a line needs it: few logs write local times, and making a format is slow.
    if (this.#fixedMs === undefined && name !== "host") this.#format = formatOf(name);
  }

  /** What to subtract from a wall clock's time, taken as if it were UTC, to get UTC. `wallMinute` is that time in whole minutes. */
  offsetMs(wallMinute: number): number {
    if (this.#fixedMs !== undefined) return this.#fixedMs;
    const cached = this.#offsets.get(wallMinute);
    if (cached !== undefined) return cached;
    if (this.#offsets.size >= CACHED_MINUTES_MAX) this.#offsets.clear();
    const offset = this.#find(wallMinute);
    this.#offsets.set(wallMinute, offset);
    return offset;
  }

  #find(wallMinute: number): number {
    // Offsets a day before and after, as the zone sees it: equal but around a change.
    const before = this.#offsetAt((wallMinute - DAY_MINUTES) * MINUTE_MS);
    const after = this.#offsetAt((wallMinute + DAY_MINUTES) * MINUTE_MS);
    const wallMs = wallMinute * MINUTE_MS;
    if (this.#offsetAt(wallMs - before) === before) return before;
    if (this.#offsetAt(wallMs - after) === after) return after;
    return before;
  }

  /** The zone's offset at a moment of UTC. */
  #offsetAt(utcMs: number): number {
    let year = 0;
    let isBeforeChrist = false;
    const parts = [0, 0, 0, 0, 0];
    this.#format ??= formatOf(undefined);
    for (const { type, value } of this.#format.formatToParts(utcMs)) {
      if (type === "year") year = Number(value);
      else if (type === "era") isBeforeChrist = value.startsWith("B");
      else if (type === "month") parts[0] = Number(value) - 1;
      else if (type === "day") parts[1] = Number(value);
      else if (type === "hour") parts[2] = Number(value);
      else if (type === "minute") parts[3] = Number(value);
      else if (type === "second") parts[4] = Number(value);
    }
    const [month = 0, day = 1, hour = 0, minute = 0, second = 0] = parts;
    const wall = new Date(0);
    wall.setUTCFullYear(isBeforeChrist ? 1 - year : year, month, day);
    wall.setUTCHours(hour, minute, second);
    return wall.getTime() - utcMs;
  }
}

/** Tells a moment's parts as clocks in that zone show them; undefined is the host's zone. */
function formatOf(timeZone: string | undefined): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    numberingSystem: "latn",
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
}
