/** What a configuration can say about the meaning of fields, the same for every parser. */
import { z } from "zod";
import { isTimeZone } from "../../shared/time/time-zone.ts";

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
}

/** What holds when nothing is configured. */
export const EVENT_OPTIONS_DEFAULT: EventOptions = {
  fields: {},
  durationUnit: "ms",
  timezone: "host",
};

const fieldNames = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((names): readonly string[] => (typeof names === "string" ? [names] : names));

/** Keys of a source's configuration that say what fields mean; spread into the schema of a source. */
export const eventOptionsConfig = {
  fields: z
    .strictObject({
      time: fieldNames.optional(),
      service: fieldNames.optional(),
      level: fieldNames.optional(),
      message: fieldNames.optional(),
      duration: fieldNames.optional(),
    })
    .prefault({})
    .meta({
      description: "Names of the fields that hold these meanings; the first present wins.",
      examples: [{ time: "when", duration: ["elapsed", "took"] }],
    }),
  duration_unit: z
    .enum(DURATION_UNITS)
    .prefault("ms")
    .meta({ description: "Unit of a duration written as a bare number." }),
  timezone: z
    .string()
    .refine(isTimeZone, {
      error: "expected a time zone such as Europe/Berlin, UTC, +02:00 or host",
    })
    .prefault("host")
    .meta({ description: "Zone of times that name none; `host` is the zone of this machine." }),
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
