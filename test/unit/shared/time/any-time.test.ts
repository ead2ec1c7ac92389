import { describe, expect, test } from "vitest";
import { AnyTimeReader } from "../../../../shared/time/any-time.ts";
import { TimeZone } from "../../../../shared/time/time-zone.ts";

const now = () => Date.UTC(2026, 10, 25, 21);
const iso = (ms: number) => (Number.isNaN(ms) ? "refused" : new Date(ms).toISOString());

describe("AnyTimeReader", () => {
  test.each([
    ["2026-11-20T10:00:59.123Z", "2026-11-20T10:00:59.123Z"],
    ["20/Nov/2026:10:00:59 +0100", "2026-11-20T09:00:59.000Z"],
    ["20/Nov/2026:10:00:59.655", "2026-11-20T10:00:59.655Z"],
    ["1669200000123456789", "2022-11-23T10:40:00.123Z"],
    ["2017-04-03 22:32:14.322 CEST", "2017-04-03T20:32:14.322Z"],
    ["2017-04-03 22:32:14.322 IST", "refused"],
    ["Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05.000Z"],
    ["02 Jan 06 15:04 MST", "2006-01-02T22:04:00.000Z"],
    ["Monday, 02-Jan-06 15:04:05 GMT", "2006-01-02T15:04:05.000Z"],
    ["Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05.000Z"],
    ["Fri Nov 20 2026 10:00:59 GMT+0100 (Central European Time)", "2026-11-20T09:00:59.000Z"],
    ["Fri, 20 Nov 2026 10:00:59 -0800 (PST)", "2026-11-20T18:00:59.000Z"],
    ["Fri, 20 Nov 2026 10:00:59 -0800(PST)", "refused"],
    ["Fri 20 Nov 2026 10:00:59 PM UTC", "2026-11-20T22:00:59.000Z"],
    ["Nov 20, 2026 1:00:59 AM", "2026-11-20T01:00:59.000Z"],
    ["Nov 20, 2026 13:00:59", "2026-11-20T13:00:59.000Z"],
    ["2026-11-20 10:00:59.123456 +0000 UTC m=+0.5", "2026-11-20T10:00:59.123Z"],
    ["Nov 20 10:00:59", "2026-11-20T10:00:59.000Z"],
    ["11-20 10:00:59.123", "2026-11-20T10:00:59.123Z"],
    ["30 May 2019 12:50:13.457", "2019-05-30T12:50:13.457Z"],
    ["29-Jan-2023 08:42:10 UTC", "2023-01-29T08:42:10.000Z"],
    ["081109 203518", "2008-11-09T20:35:18.000Z"],
    ["160721  2:24:05", "2016-07-21T02:24:05.000Z"],
    ["20261120 10:00:59", "2026-11-20T10:00:59.000Z"],
    ["20261120100059", "2026-11-20T10:00:59.000Z"],
    ["11/12/2026 10:00:59", "refused"],
    ["2026-11-20", "refused"],
    ["2026-11-20T10:00:59Z and more", "refused"],
    ["", "refused"],
    ["soon", "refused"],
  ])("reads %s as %s", (text, expected) => {
    expect(iso(new AnyTimeReader(new TimeZone("UTC"), now).readText(text))).toBe(expected);
  });

  test("reads by the configured layouts only, when there are some", () => {
    const reader = new AnyTimeReader(new TimeZone("UTC"), now, ["dd.MM.yyyy HH:mm", "epoch_ms"]);
    expect(iso(reader.readText("20.11.2026 10:00"))).toBe("2026-11-20T10:00:00.000Z");
    expect(iso(reader.readText("1669200000123"))).toBe("2022-11-23T10:40:00.123Z");
    expect(iso(reader.readText("2026-11-20T10:00:59.123Z"))).toBe("refused");
  });
});
