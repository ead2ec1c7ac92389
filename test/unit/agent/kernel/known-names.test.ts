import { describe, expect, it } from "vitest";
import { canKnowNames } from "../../../../agent/kernel/known-names.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../../../shared/events/event-options.ts";

describe("names of fields", () => {
  it.each([
    { time: ["when"], level: ["größe"] },
    { message: ["service"] },
    { duration: ["duration", "duration"] },
  ])("that the kernel can know: %j", (fields) => {
    expect(canKnowNames({ ...EVENT_OPTIONS_DEFAULT, fields })).toBe(true);
  });

  it.each([
    { level: ["time"] },
    { time: ["a name of more than thirty-two bytes"] },
    { time: ["\ud800"] },
    { time: ["\ufffd"] },
    { time: Array.from({ length: 30 }, (_, at) => `time${at}`) },
  ])("that only the parser can know: %j", (fields) => {
    expect(canKnowNames({ ...EVENT_OPTIONS_DEFAULT, fields })).toBe(false);
  });
});
