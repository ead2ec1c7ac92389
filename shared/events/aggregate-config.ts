/** What `aggregate:` of a source may say: how its windows are kept apart, what is measured, and which sample lines they hold. */
import { z } from "zod";
import { SERIES_MAX_DEFAULT } from "../aggregates/detailed-windows.ts";
import { DIMENSION_NAME_LENGTH_MAX, DIMENSIONS_MAX } from "../aggregates/dimensions.ts";
import { eventCondition, eventName } from "./selectors-schema.ts";

/** The least level of what is sent as it was written. */
export const minLevelSetting = z
  .enum(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"])
  .prefault("ERROR");

/** Most measures of one source: several sources may write to one window. */
const MEASURES_PER_SOURCE_MAX = 16;
/** Names that outputs can write: in keys of JSON, tags of points, names of columns. */
const NAME = /^[A-Za-z_][A-Za-z0-9_.-]*$/;

const outputName = z
  .string()
  .max(DIMENSION_NAME_LENGTH_MAX)
  .regex(NAME, { error: "expected a letter, then letters, digits, `_`, `.` and `-`" });

const dimension = z.union([
  outputName,
  z.strictObject({
    name: outputName.meta({ description: "Name of the dimension in every output." }),
    field: eventName.meta({ description: "Field of the event, or label, that holds its value." }),
  }),
]);

type Dimension = z.output<typeof dimension>;

/** The name of a dimension in outputs. */
export function nameOf(entry: Dimension): string {
  return typeof entry === "string" ? entry : entry.name;
}

/** The field that holds a dimension's value. */
export function fieldOf(entry: Dimension): string {
  return typeof entry === "string" ? entry : entry.field;
}

const measure = z
  .strictObject({
    sum: eventName.optional().meta({ description: "Field whose numbers are added up." }),
    count: eventName
      .optional()
      .meta({ description: "Field whose events are counted; `*` counts them all." }),
    distinct: eventName.optional().meta({
      description: "Field whose different values are counted, within 0.81 % (standard error).",
    }),
    where: eventCondition.optional().meta({
      description: "Condition on the event; `level` is one of TRACE to FATAL, or OTHER.",
      examples: ["duration > 1000"],
    }),
  })
  .refine(
    ({ sum, count, distinct }) =>
      [sum, count, distinct].filter((field) => field !== undefined).length === 1,
    { error: "expected one of `sum`, `count` and `distinct`" },
  );

const exemplars = z.strictObject({
  min_level: minLevelSetting.meta({
    description: "Lines of this level and above may be samples; those of an unknown level may not.",
  }),
  where: eventCondition.optional().meta({ description: "Further condition on the event." }),
});

/** The key `aggregate` of a source. */
export const aggregateConfig = z.strictObject({
  dimensions: z
    .array(dimension)
    .max(DIMENSIONS_MAX)
    .refine((list) => new Set(list.map(nameOf)).size === list.length, {
      error: "expected names that differ from each other",
    })
    .prefault([])
    .meta({
      description:
        "Fields by whose values windows are kept apart, beside those of whole services. Where a line has no such field the label of that name counts: `host`, `source`, and of containers `namespace`, `pod`, `container`.",
      examples: [["endpoint", "host"]],
    }),
  max_series: z.int().min(1).max(100_000).prefault(SERIES_MAX_DEFAULT).meta({
    description:
      "Most combinations of a service and dimensions that are counted on their own between two batches; further ones are folded into `__other__`.",
  }),
  measures: z
    .record(outputName, measure)
    .refine((measures) => Object.keys(measures).length <= MEASURES_PER_SOURCE_MAX, {
      error: `expected at most ${MEASURES_PER_SOURCE_MAX} measures`,
    })
    .prefault({})
    .meta({
      description: "Numbers of every window beside its own, by name.",
      examples: [{ bytes: { sum: "bytes_sent" }, users: { distinct: "userId" } }],
    }),
  exemplars: exemplars.optional().meta({
    description: "Up to three sample lines per window, redacted; none when left out.",
    examples: [{ min_level: "ERROR" }],
  }),
});

/** The key `aggregate` as sources have it. */
export const aggregateSetting = aggregateConfig.optional().meta({
  description:
    "What windows tell beside counts by level and durations: dimensions, measures, sample lines. Lines are then parsed one by one, which is slower.",
});

/** A checked `aggregate`. */
export type AggregateConfig = z.output<typeof aggregateConfig>;

/** False when windows tell counts by level and durations only: these are counted much faster. */
export function wantsDetail(config: AggregateConfig | undefined): config is AggregateConfig {
  if (config === undefined) return false;
  const { dimensions, measures, exemplars: samples } = config;
  return dimensions.length + Object.keys(measures).length > 0 || samples !== undefined;
}
