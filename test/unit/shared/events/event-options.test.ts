import { describe, expect, test } from "vitest";
import { z } from "zod";
import { EVENT_OPTIONS_DEFAULT, eventOptions } from "../../../../shared/events/event-options.ts";
import { eventOptionsConfig } from "../../../../shared/events/event-options-config.ts";

const schema = z.strictObject(eventOptionsConfig);

describe("the options of events", () => {
  test("have defaults", () => {
    expect(eventOptions(schema.parse({}))).toEqual(EVENT_OPTIONS_DEFAULT);
  });

  test("take one name or several for a field", () => {
    const config = schema.parse({
      fields: { time: "when", duration: ["elapsed", "took"] },
      duration_unit: "s",
      timezone: "Europe/Berlin",
    });
    expect(eventOptions(config)).toEqual({
      fields: { time: ["when"], duration: ["elapsed", "took"] },
      durationUnit: "s",
      timezone: "Europe/Berlin",
    });
  });

  test("refuse unknown zones, units and meanings", () => {
    for (const wrong of [
      { timezone: "Mars/Olympus" },
      { duration_unit: "h" },
      { fields: { when: "t" } },
      { fields: { time: [] } },
    ]) {
      expect(schema.safeParse(wrong).success).toBe(false);
    }
  });
});
