import { z } from "zod";
import { isTimeZone } from "../time/time-zone.ts";
import { DURATION_UNITS } from "./event-options.ts";

const fieldNames = z
  .union([z.string().min(1), z.array(z.string().min(1)).min(1)])
  .transform((names): readonly string[] => (typeof names === "string" ? [names] : names));

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
};
