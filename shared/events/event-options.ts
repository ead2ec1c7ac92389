/** What a configuration can say about the meaning of fields, the same for every parser. */

/** The meanings that a field can have. */
export const FIELD_MEANINGS = ["time", "service", "level", "message", "duration"] as const;

/** One of {@link FIELD_MEANINGS}. */
export type FieldMeaning = (typeof FIELD_MEANINGS)[number];

/** Units of durations. */
export const DURATION_UNITS = ["ns", "us", "ms", "s"] as const;

/** One of {@link DURATION_UNITS}. */
export type DurationUnit = (typeof DURATION_UNITS)[number];

/** Options that only some formats have. */
export const LINE_OPTIONS = [
  "columns",
  "delimiter",
  "inner",
  "pattern",
  "patterns",
  "timeFormats",
] as const;

/** One of {@link LINE_OPTIONS}. */
export type LineOption = (typeof LINE_OPTIONS)[number];

/** How lines are understood, as far as only some formats ask. */
export interface LineOptions {
  /** Names of the columns, for `csv`. */
  readonly columns?: readonly string[] | undefined;
  /** What stands between two values, for `csv`; a comma when left out. */
  readonly delimiter?: string | undefined;
  /** Format of the lines inside of others, for `docker` and `cri`; `auto` when left out. */
  readonly inner?: string | undefined;
  /** How lines are written, for `regex`, `grok` and `dissect`. */
  readonly pattern?: string | undefined;
  /** Patterns that `pattern` may name, for `grok`. */
  readonly patterns?: Readonly<Record<string, string>> | undefined;
  /** Layouts or names of layouts of the time; when left out, all that mean one thing only. */
  readonly timeFormats?: readonly string[] | undefined;
}

/** How lines that belong together are told. Left out: as the format has it. */
export interface MultilineOptions {
  /** `off`: every line is an event of its own. */
  readonly mode?: "auto" | "off" | undefined;
  /** Regular expression of lines that begin an event. */
  readonly start?: string | undefined;
  /** Regular expression of lines that go on with the event before. */
  readonly continuation?: string | undefined;
  /** Lines of an event beyond this size are not looked at. */
  readonly bytesMax?: number | undefined;
}

/** How lines and their fields are understood. */
export interface EventOptions extends LineOptions {
  readonly multiline?: MultilineOptions | undefined;
  /** Names of the fields with a meaning, the first present wins; a meaning left out keeps its default names. */
  readonly fields: Readonly<Partial<Record<FieldMeaning, readonly string[]>>>;
  /** Unit of a duration written as a bare number. */
  readonly durationUnit: DurationUnit;
  /** Zone of times without one: an IANA name such as `Europe/Berlin`, `UTC`, an offset such as `+02:00`, or `host`. */
  readonly timezone: string;
  /** The clock that says the year of times without one; when left out such times are refused. */
  readonly nowMs?: (() => number) | undefined;
  /**
   * What may be kept of a service's name that is longer than SERVICE_LENGTH_MAX, of which then the beginning is; left out: all of it. It sees the
   * whole name, so that no secret is cut in two before it is found.
   */
  readonly cutService?: ((name: string) => string) | undefined;
  /** True when the caller tries several formats: a line then bears the marks of the format, or it is none of its. */
  readonly isGuess?: boolean;
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
  readonly columns?: readonly string[] | undefined;
  readonly delimiter?: string | undefined;
  readonly inner?: string | undefined;
  readonly pattern?: string | undefined;
  readonly patterns?: Readonly<Record<string, string>> | undefined;
  readonly time_format?: readonly string[] | undefined;
  readonly multiline?: {
    readonly mode: "auto" | "off";
    readonly start?: string | undefined;
    readonly continue?: string | undefined;
    readonly max_bytes: number;
  };
}): EventOptions {
  const fields: Partial<Record<FieldMeaning, readonly string[]>> = {};
  for (const meaning of FIELD_MEANINGS) {
    const names = config.fields[meaning];
    if (names !== undefined) fields[meaning] = names;
  }
  const { timezone, columns, delimiter, inner, pattern, patterns, multiline } = config;
  return {
    fields,
    multiline: multiline && {
      mode: multiline.mode,
      start: multiline.start,
      continuation: multiline.continue,
      bytesMax: multiline.max_bytes,
    },
    durationUnit: config.duration_unit,
    timezone,
    columns,
    delimiter,
    inner,
    pattern,
    patterns,
    timeFormats: config.time_format,
  };
}

/** The keys that options have in configuration files. */
export const LINE_OPTION_KEYS: Readonly<Record<LineOption, string>> = {
  columns: "columns",
  delimiter: "delimiter",
  inner: "inner",
  pattern: "pattern",
  patterns: "patterns",
  timeFormats: "time_format",
};
