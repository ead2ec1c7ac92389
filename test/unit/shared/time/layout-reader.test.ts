import { describe, expect, test } from "vitest";
import { LayoutReader } from "../../../../shared/time/layout-reader.ts";
import { parseLayout } from "../../../../shared/time/time-layout.ts";
import { TimeZone } from "../../../../shared/time/time-zone.ts";

function reader(text: string, zone = "UTC", nowMs?: () => number): LayoutReader {
  const layout = parseLayout(text);
  if (typeof layout === "string") throw new Error(layout);
  return new LayoutReader(layout, new TimeZone(zone), nowMs);
}

function read(times: LayoutReader, text: string): string {
  const ms = times.read(Buffer.from(text), 0, Buffer.byteLength(text));
  return Number.isNaN(ms) ? "refused" : `${new Date(ms).toISOString()} ${text.slice(times.end)}`;
}

describe("LayoutReader", () => {
  test.each([
    ["yyMMdd HHmmss", "081109 203518 143 INFO", "2008-11-09T20:35:18.000Z  143 INFO"],
    ["yy/MM/dd HH:mm:ss", "17/06/09 20:10:40 INFO", "2017-06-09T20:10:40.000Z  INFO"],
    ["yy/MM/dd HH:mm:ss", "70/06/09 20:10:40", "1970-06-09T20:10:40.000Z "],
    ["yyyy-MM-dd HH:mm:ss,SSS", "2026-11-20 10:00:59.123456 x", "2026-11-20T10:00:59.123Z  x"],
    ["MMM d, yyyy h:mm:ss a", "Nov 20, 2026 12:00:59 AM", "2026-11-20T00:00:59.000Z "],
    ["MMM d, yyyy h:mm:ss a", "Nov  2, 2026 1:00:59 pm", "2026-11-02T13:00:59.000Z "],
    ["MMM d, yyyy h:mm:ss a", "Nov 20, 2026 13:00:59 PM", "refused"],
    ["MMMM d yyyy HH:mm", "November 20 2026 10:00", "2026-11-20T10:00:00.000Z "],
    ["ansi_c", "Mon Dec 26 16:15:55.103522 2016] x", "2016-12-26T16:15:55.103Z ] x"],
    ["ansi_c", "Thu Dec 28 14:39:50 UTC 2017", "2017-12-28T14:39:50.000Z "],
    ["rfc2822", "Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05.000Z "],
    ["rfc2822", "2 Jan 2006 15:04 EST!", "2006-01-02T20:04:00.000Z !"],
    ["rfc2822", "2 Jan 2006 15:04 CST", "refused"],
    ["iso8601", "2026-11-20T10:00:59Z x", "2026-11-20T10:00:59.000Z  x"],
    ["iso8601", "2026-11-20 10:00:59 GMT+01:00", "2026-11-20T09:00:59.000Z "],
    ["iso8601", "2026-11-20 10:00:59 -10 degrees", "2026-11-20T10:00:59.000Z  -10 degrees"],
    ["iso8601", "2026-11-20 10:00:59 WARN", "2026-11-20T10:00:59.000Z  WARN"],
    ["iso8601", "2026-11-20 10:00:59 +0100 x", "2026-11-20T09:00:59.000Z  x"],
    ["iso8601", "2026-11-20 10:00:59 CET ERROR", "2026-11-20T09:00:59.000Z  ERROR"],
    ["iso8601", "2026-11-20 10:00:59 UTC+1 x", "2026-11-20T09:00:59.000Z  x"],
    ["iso8601", "2026-11-20 10:00:59 Europe/Berlin x", "2026-11-20T09:00:59.000Z  x"],
    ["iso8601", "2026-07-20 10:00:59 Europe/Berlin", "2026-07-20T08:00:59.000Z "],
    ["iso8601", "2026-11-20 10:00:59 Some/Path x", "2026-11-20T10:00:59.000Z  Some/Path x"],
    ["iso8601", "2026-11-20T10:00:59 met it", "2026-11-20T10:00:59.000Z  met it"],
    ["iso8601", "2026-11-20T10:00:59 CETUS x", "2026-11-20T10:00:59.000Z  CETUS x"],
    ["iso8601", "2026-11-20 02:00:59 PM x", "2026-11-20T14:00:59.000Z  x"],
    ["iso8601", "2026-11-20 12:00:59 AM x", "2026-11-20T00:00:59.000Z  x"],
    ["iso8601", "2026-11-20 12:00:59 PM", "2026-11-20T12:00:59.000Z "],
    ["iso8601", "2026-11-20 14:00:59 PM x", "2026-11-20T14:00:59.000Z  PM x"],
    ["iso8601", "2026-11-20 10:00:59 IST x", "refused"],
    ["yyyy/MM/dd HH:mm:ss[.SSS][[ ]Z]", "2026/11/20 10:00:59 CST x", "refused"],
    ["iso8601", "2026-11-20 10:00:60", "2026-11-20T10:00:00.000Z :60"],
    ["yyyy-MM-dd HH:mm:ss", "2026-02-29 10:00:00", "refused"],
    ["yyyy-MM-dd HH:mm:ss", "2026-11-20 10:00:5", "refused"],
    ["yyyy-MM-dd HH:mm:ss", "2026-11-20", "refused"],
    ["epoch", "1669200000.25 x", "2022-11-23T10:40:00.250Z  x"],
    ["epoch_ms", "1669200000123", "2022-11-23T10:40:00.123Z "],
    ["epoch_s", "1669200000123", "refused"],
    ["syslog", "Nov 20 10:00:59 host", "refused"],
  ])("by %s reads %s as %s", (layout, text, expected) => {
    expect(read(reader(layout), text)).toBe(expected);
  });

  test("puts a time without a year into the latest year that is not in the future, with a day of grace", () => {
    let now = Date.UTC(2026, 0, 1, 0, 0, 1);
    const times = reader("MMM d[ yyyy] HH:mm:ss", "UTC", () => now);
    const year = (text: string) => read(times, text).slice(0, 4);
    expect(year("Dec 31 23:59:59")).toBe("2025");
    expect(year("Jan  1 00:00:01")).toBe("2026");
    expect(year("Jan  1 23:59:59")).toBe("2026");
    expect(year("Jan  2 00:01:00")).toBe("2025");
    expect(year("Feb 29 12:00:00")).toBe("2024");
    expect(year("Feb 29 2020 12:00:00")).toBe("2020");
    expect(year("Dec 31 23:59:59")).toBe("2025");
    now = Date.UTC(2026, 11, 31);
    expect(year("Dec 31 23:59:59")).toBe("2026");
    expect(year("Jan  2 00:01:00")).toBe("2026");
  });

  test("reads wall clocks in their zone, also where clocks are changed", () => {
    const times = reader("yyyy-MM-dd HH:mm:ss", "Europe/Berlin");
    // Twice: the first of the two. Never: with the offset from before.
    expect(read(times, "2026-10-25 02:30:00")).toBe("2026-10-25T00:30:00.000Z ");
    expect(read(times, "2026-03-29 02:30:00")).toBe("2026-03-29T01:30:00.000Z ");
    expect(read(times, "2026-07-01 12:00:00")).toBe("2026-07-01T10:00:00.000Z ");
  });

  test("asks the clock for the year again, also after a date that does not exist", () => {
    let nowMs = Date.UTC(2026, 10, 25);
    const times = reader("syslog", "UTC", () => nowMs);
    expect(read(times, "Nov 20 10:00:59")).toBe("2026-11-20T10:00:59.000Z ");
    expect(read(times, "Feb 30 10:00:59")).toBe("refused");
    nowMs = Date.UTC(2027, 10, 25);
    expect(read(times, "Nov 20 10:00:59")).toBe("2027-11-20T10:00:59.000Z ");
  });

  test("keeps nothing of a buffer that is filled anew", () => {
    const times = reader("yyyy-MM-dd HH:mm:ss");
    const buffer = Buffer.alloc(19);
    const found = ["2026-11-20 10:00:59", "2026-11-20 10:07:01"].map((text) => {
      buffer.write(text);
      return new Date(times.read(buffer, 0, buffer.length)).toISOString();
    });
    expect(found).toEqual(["2026-11-20T10:00:59.000Z", "2026-11-20T10:07:01.000Z"]);
  });

  test("says the same whatever it read before", () => {
    const texts = ["Nov  2 10:00:59 x", "Nov 20 10:00:58 x", "Nov  2 10:01:00 x", "Nov 2 10:00:01"];
    const now = () => Date.UTC(2026, 11, 1);
    const times = reader("syslog", "UTC", now);
    const once = texts.map((text) => read(reader("syslog", "UTC", now), text));
    for (let round = 0; round < 3; round++) {
      expect(texts.map((text) => read(times, text))).toEqual(once);
      expect(read(times, "Nov 31 10:00:59")).toBe("refused");
    }
  });
});
