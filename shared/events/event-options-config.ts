import { z } from "zod";
import { LAYOUT_NAMES, parseLayout } from "../time/time-layout.ts";
import { isTimeZone } from "../time/time-zone.ts";
import { DURATION_UNITS } from "./event-options.ts";

const fieldNames = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((names): readonly string[] => (typeof names === "string" ? [names] : names));

const timeFormats = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1).max(16)])
  .transform((formats): readonly string[] => (typeof formats === "string" ? [formats] : formats))
  .check((context) => {
    for (const format of context.value) {
      const layout = parseLayout(format);
      if (typeof layout !== "string") continue;
      const message = `expected a layout such as yyyy-MM-dd HH:mm:ss,SSS or one of ${LAYOUT_NAMES.join(", ")}; of ${format}: ${layout}`;
      context.issues.push({ code: "custom", input: context.value, message });
    }
  });

/** Keys of a source's configuration that say what fields mean; spread into the schema of a source. */
export const eventOptionsConfig = {
  fields: z
    .strictObject({
      time: fieldNames.optional().meta({ description: "Names of the time." }),
      service: fieldNames.optional().meta({ description: "Names of the service." }),
      level: fieldNames.optional().meta({ description: "Names of the level." }),
      message: fieldNames.optional().meta({ description: "Names of the message." }),
      duration: fieldNames.optional().meta({ description: "Names of the duration." }),
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
  time_format: timeFormats.optional().meta({
    description:
      "How times are written, in the letters of Java's DateTimeFormatter, or the name of a layout; for json, logfmt, csv, regex, grok and dissect.",
    examples: ["yyyy-MM-dd HH:mm:ss,SSS", "epoch_ms"],
  }),
  pattern: z
    .string()
    .min(1)
    .max(8192)
    .optional()
    .meta({
      description: "How lines are written, for regex, grok and dissect; its names are the fields.",
      examples: ["%{time} [%{thread}] %{level->} %{logger}: %{message}"],
    }),
  patterns: z
    .record(z.string().regex(/^\w+$/), z.string().max(8192))
    .optional()
    .meta({
      description: "Patterns beside the built-in ones that `pattern` may name, for grok.",
      examples: [{ ORDER: "[A-Z]{2}\\d{6}" }],
    }),
  columns: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(1000)
    .refine((names) => new Set(names).size === names.length, {
      error: "expected names that differ from each other",
    })
    .optional()
    .meta({
      description: "Names of the columns, for csv.",
      examples: [["time", "level", "message"]],
    }),
  delimiter: z
    .string()
    .length(1)
    .refine((delimiter) => delimiter !== '"', { error: "expected something else than a quote" })
    .optional()
    .meta({ description: "What stands between two values, for csv; a comma when left out." }),
};
