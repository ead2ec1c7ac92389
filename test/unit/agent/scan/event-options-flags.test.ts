import { describe, expect, test } from "vitest";
import { formatFlags } from "../../../../agent/scan/event-options-flags.ts";

const flags = (options: Record<string, string>) => formatFlags(options);

describe("formatFlags", () => {
  test("has defaults, and the zone of the host", () => {
    expect(flags({})).toMatchObject({ format: "auto", timezone: "host", durationUnit: "ms" });
  });

  test("reads the flags of formats that need them", () => {
    expect(
      flags({
        format: "csv",
        columns: "time,level",
        delimiter: "\\t",
        timeFormat: "dd.MM.yyyy HH:mm",
      }),
    ).toMatchObject({
      columns: ["time", "level"],
      delimiter: "\t",
      timeFormats: ["dd.MM.yyyy HH:mm"],
    });
    expect(flags({ format: "docker", inner: "json" })).toMatchObject({ inner: "json" });
  });

  test.each([
    [{ format: "jsn" }, "--format jsn is not one of"],
    [{ timezone: "Mars" }, "--timezone Mars is no time zone"],
    [{ durationUnit: "h" }, "--duration-unit h is not one of"],
    [{ format: "csv" }, "--columns with --format csv: expected columns"],
    [{ format: "json", timeFormat: "yyyy" }, "--time-format yyyy is no layout of a time"],
    [
      { format: "grok", pattern: "%{NOPE:a}" },
      "--pattern with --format grok: it names the unknown",
    ],
    [{ format: "json", pattern: "x" }, "--pattern with --format json: expected nothing here"],
  ])("refuses %j", (options, message) => {
    expect(() => flags(options)).toThrow(message);
  });
});
