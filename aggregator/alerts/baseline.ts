/**
 * What is usual of a service: the median of a number over earlier windows, and its spread, the median of the distances from it (MAD) times
 * 1.4826, which for normal noise is the standard deviation. Both are robust: some bad windows among the earlier ones change neither.
 *
 * Earlier windows are those of the same hour on earlier days, or simply those before. They end where a span of time begins that is aligned to
 * the epoch (an hour, or ten minutes), so that what is usual changes only at its borders and is the same for whoever computes it.
 */

/** Which earlier windows count. */
export interface BaselineSettings {
  readonly historyMs: number;
  /** Only those of the same hour of earlier days. */
  readonly isSameHour: boolean;
  /** With fewer windows nothing is usual. */
  readonly windowsMin: number;
}

/** Minutes, the last one not included. */
export interface MinuteRange {
  readonly from: number;
  readonly to: number;
}

const HOUR_MINUTES = 60;
const DAY_MINUTES = 1_440;
const REFRESH_MINUTES = 10;
/** Makes the MAD of normal noise its standard deviation. */
const MAD_FACTOR = 1.4826;

/** The span of time that a minute belongs to: all its minutes have the same baseline. */
export function baselineSpan({ isSameHour }: BaselineSettings, minute: number): number {
  const width = isSameHour ? HOUR_MINUTES : REFRESH_MINUTES;
  return Math.floor(minute / width) * width;
}

/** The minutes whose windows are the history of a minute. */
export function baselineRanges(settings: BaselineSettings, minute: number): MinuteRange[] {
  const span = baselineSpan(settings, minute);
  const historyMinutes = Math.floor(settings.historyMs / 60_000);
  if (!settings.isSameHour) return [{ from: span - historyMinutes, to: span }];
  const ranges: MinuteRange[] = [];
  for (let back = DAY_MINUTES; back <= historyMinutes; back += DAY_MINUTES) {
    ranges.push({ from: span - back, to: span - back + HOUR_MINUTES });
  }
  return ranges;
}

/** The names that conditions use for what is usual: of `errorRate` they are `errorRateUsual` and `errorRateSpread`. */
export function baselineNames(name: string): readonly [usual: string, spread: string] {
  return [`${name}Usual`, `${name}Spread`];
}

/** What is usual of each of these numbers, by the names that conditions use; null when there is too little history. */
export function baselineFields(
  names: readonly string[],
  history: readonly Readonly<Record<string, unknown>>[],
  { windowsMin }: BaselineSettings,
): Readonly<Record<string, number | null>> {
  const fields: Record<string, number | null> = {};
  for (const name of names) {
    const numbers = history
      .map((window) => window[name])
      .filter((value) => typeof value === "number");
    const isKnown = numbers.length >= windowsMin;
    const usual = isKnown ? medianOf(numbers) : null;
    const [usualName, spreadName] = baselineNames(name);
    fields[usualName] = usual;
    fields[spreadName] =
      usual === null
        ? null
        : MAD_FACTOR * medianOf(numbers.map((value) => Math.abs(value - usual)));
  }
  return fields;
}

/** The lower one of the two in the middle, as of a quantile at the nearest rank. */
function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
