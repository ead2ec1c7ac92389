/** What a configuration can say about the meaning of fields, the same for every parser. */

/** The meanings that a field can have. */
export const FIELD_MEANINGS = ["time", "service", "level", "message", "duration"] as const;

/** One of {@link FIELD_MEANINGS}. */
export type FieldMeaning = (typeof FIELD_MEANINGS)[number];

/** Units of durations. */
export const DURATION_UNITS = ["ns", "us", "ms", "s"] as const;

/** One of {@link DURATION_UNITS}. */
export type DurationUnit = (typeof DURATION_UNITS)[number];

/** How fields are understood. */
export interface EventOptions {
  /** Names of the fields with a meaning, the first present wins; a meaning left out keeps its default names. */
  readonly fields: Readonly<Partial<Record<FieldMeaning, readonly string[]>>>;
  /** Unit of a duration written as a bare number. */
  readonly durationUnit: DurationUnit;
  /** Zone of times without one: an IANA name such as `Europe/Berlin`, `UTC`, an offset such as `+02:00`, or `host`. */
  readonly timezone: string;
  /** The clock that says the year of times without one; when left out such times are refused. */
  readonly nowMs?: (() => number) | undefined;
  /** True when the caller knows the time of each line: a line then needs none, and `timeMs` may stay as it is. */
  readonly isTimeGiven?: boolean;
}

/** What holds when nothing is configured. */
export const EVENT_OPTIONS_DEFAULT: EventOptions = {
  fields: {},
  durationUnit: "ms",
  timezone: "host",
};

/** The options of a source from its checked configuration. */
export function eventOptions(config: {
  readonly fields: { readonly [Meaning in FieldMeaning]?: readonly string[] | undefined };
  readonly duration_unit: DurationUnit;
  readonly timezone: string;
}): EventOptions {
  const fields: Partial<Record<FieldMeaning, readonly string[]>> = {};
  for (const meaning of FIELD_MEANINGS) {
    const names = config.fields[meaning];
    if (names !== undefined) fields[meaning] = names;
  }
  return { fields, durationUnit: config.duration_unit, timezone: config.timezone };
}
