/** What every source may say of how its lines are counted, and of what beside counts leaves the host. */
import { z } from "zod";
import { SERVICES_MAX_DEFAULT } from "../shared/aggregates/minute-windows.ts";
import { duration } from "../shared/config/units.ts";
import { aggregateSetting } from "../shared/events/aggregate-config.ts";
import { linesSetting } from "./window/lines-config.ts";

/** Settings of any source. */
export const countingSettings = {
  idle_after: duration({ min: "1s", max: "1h" })
    .prefault("30s")
    .meta({ description: "A source without new lines for so long is reported idle." }),
  max_services: z.int().min(1).max(1_000_000).prefault(SERVICES_MAX_DEFAULT).meta({
    description:
      "Most services that are counted on their own at a time; further ones are folded into `__other__`.",
  }),
  aggregate: aggregateSetting,
  lines: linesSetting,
};
