/** What `lines:` of a source may say: which raw lines leave the host, and how many. */
import { z } from "zod";
import { byteSize } from "../../shared/config/units.ts";
import { minLevelSetting } from "../../shared/events/aggregate-config.ts";
import { eventCondition } from "../../shared/events/selectors-schema.ts";

const linesConfig = z.strictObject({
  min_level: minLevelSetting.meta({
    description: "Lines of this level and above are sent; those of an unknown level are not.",
  }),
  where: eventCondition.optional().meta({
    description: "Further condition on the event; `level` is one of TRACE to FATAL.",
    examples: ["service != 'health'"],
  }),
  lines_per_second: z.number().min(0.1).max(100_000).prefault(100).meta({
    description:
      "Most lines per second, what is saved up for 10 s aside. Where there are more, services share them fairly.",
  }),
  bytes_per_second: byteSize({ min: "4KiB", max: "64MiB" })
    .prefault("64KiB")
    .meta({ description: "Most bytes of lines per second, likewise." }),
  sample: z
    .number()
    .min(1)
    .max(1_000_000)
    .prefault(1)
    .meta({
      description: "One of so many lines is sent, by chance; each says how many it stands for.",
      examples: [10],
    }),
});

/** The key `lines` as sources have it. */
export const linesSetting = linesConfig.optional().meta({
  description:
    "Raw lines that are sent for people to search, without their secrets; none when left out.",
  examples: [{ min_level: "WARN", lines_per_second: 50 }],
});

/** A checked `lines`. */
export type LinesConfig = z.output<typeof linesConfig>;
