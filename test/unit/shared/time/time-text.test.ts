import { describe, expect, test } from "vitest";
import { epochMs, TimeReader } from "../../../../shared/time/time-text.ts";
import { TimeZone } from "../../../../shared/time/time-zone.ts";

const utc = () => new TimeReader(new TimeZone("UTC"));

function iso(reader: TimeReader, text: string): string {
  const ms = reader.readText(text);
  return Number.isNaN(ms) ? "refused" : new Date(ms).toISOString();
}

describe("TimeReader", () => {
  test("reads ISO 8601 in its usual variants", () => {
    const reader = utc();
    const cases: readonly (readonly [string, string])[] = [
      ["2026-11-20T10:00:59.123Z", "2026-11-20T10:00:59.123Z"],
      ["2026-11-20T10:00:59Z", "2026-11-20T10:00:59.000Z"],
      ["2026-11-20t10:00:59z", "2026-11-20T10:00:59.000Z"],
      ["2026-11-20 10:00:59,123", "2026-11-20T10:00:59.123Z"],
      ["2026/11/20 10:00:59", "2026-11-20T10:00:59.000Z"],
      ["2026-11-20T10:00Z", "2026-11-20T10:00:00.000Z"],
      ["2026-11-20T10:00", "2026-11-20T10:00:00.000Z"],
      ["2026-11-20T10:00:59.1Z", "2026-11-20T10:00:59.100Z"],
      ["2026-11-20T10:00:59.123999999Z", "2026-11-20T10:00:59.123Z"],
      ["2026-11-20T10:00:59.999999999999Z", "2026-11-20T10:00:59.999Z"],
      ["2026-11-20T10:00:59+01:00", "2026-11-20T09:00:59.000Z"],
      ["2026-11-20T10:00:59.5-0330", "2026-11-20T13:30:59.500Z"],
      ["2026-11-20T10:00:59+14", "2026-11-19T20:00:59.000Z"],
      ["2026-11-20 10:00:59 +0100", "2026-11-20T09:00:59.000Z"],
      ["2026-11-20 10:00:59 UTC", "2026-11-20T10:00:59.000Z"],
      ["2026-11-20 10:00:59 GMT", "2026-11-20T10:00:59.000Z"],
      ["2026-11-20 10:00:59.5 CET", "2026-11-20T09:00:59.500Z"],
      ["2026-11-20 10:00:59.123456 +0000 UTC", "2026-11-20T10:00:59.123Z"],
      ["2026-11-20 10:00:59 +0300 +03", "2026-11-20T07:00:59.000Z"],
      ["2026-11-20 10:00:59 +0800 CST m=+0.000000001", "2026-11-20T02:00:59.000Z"],
      ["20261120T100059Z", "2026-11-20T10:00:59.000Z"],
      ["20261120T100059.25+0100", "2026-11-20T09:00:59.250Z"],
      ["20261120T1000", "2026-11-20T10:00:00.000Z"],
      ["0000-02-29T00:00:00Z", "0000-02-29T00:00:00.000Z"],
      ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
      ["1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"],
    ];
    for (const [text, expected] of cases)
      expect([text, iso(reader, text)]).toEqual([text, expected]);
  });

  test("refuses dates and times that do not exist, and text that only looks like one", () => {
    const reader = utc();
    const texts = [
      ...["2026-02-29T10:00:00Z", "1900-02-29T10:00:00Z", "2026-04-31T10:00:00Z"],
      ...["2026-13-01T10:00:00Z", "2026-00-10T10:00:00Z", "2026-01-00T10:00:00Z"],
      ...["2026-11-20T24:00:00Z", "2026-11-20T10:60:00Z", "2026-11-20T10:00:60Z"],
      ...["2026-11-20T10:00:5Z", "2026-11-20T10:00:Z", "2026-11-20T10:00:59.Z", "2026-11-20"],
      ...["2026-11-20T10:00:59ZZ", "2026-11-20T10:00:59Z ", " 2026-11-20T10:00:59Z"],
      ...["2026-11-20T10:00:59+24:00", "2026-11-20T10:00:59+1", "2026-11-20T10:00:59+01:60"],
      ...[
        "2026-11/20T10:00:59Z",
        "2026-11-20X10:00:59Z",
        "2026-11-20T10.00:59Z",
        "2O26-11-20T10:00:59Z",
      ],
      ...["2026-11-20 10:00:59 CST", "2026-11-20 10:00:59 XYZ", "2026-11-20 10:00:59 C3T"],
      ...["2026-11-20 10:00:59 +0100 ", "2026-11-20 10:00:59 +0100 x=1"],
      ...["2026-11-20 10:00:59 +0100 CET m", "2026-11-20 10:00:59 +0100 CET m=1 2"],
      ...["2026-11-20T10:00:59UTC", "2026-11-20T10:00:5\u0669Z", ""],
      ...["20261120T", "20261120T10", "20261120T2500Z", "now", "Fri Nov 20 10:00:59 2026"],
      "2026-11-20T10:00:59.".padEnd(65, "1"),
    ];
    for (const text of texts) expect([text, iso(reader, text)]).toEqual([text, "refused"]);
  });

  test("reads the common log format", () => {
    const reader = utc();
    expect(iso(reader, "20/Nov/2026:10:00:59 +0100")).toBe("2026-11-20T09:00:59.000Z");
    expect(iso(reader, "29/Feb/2024:23:59:59 +0000")).toBe("2024-02-29T23:59:59.000Z");
    expect(iso(reader, "01/jan/2026:00:00:00 -0930")).toBe("2026-01-01T09:30:00.000Z");
    for (const text of [
      "29/Feb/2026:23:59:59 +0000",
      "20/Nox/2026:10:00:59 +0000",
      "20/Nov/2026:10:00:59 +0060",
      "20/Nov/2026 10:00:59 +0000",
      "20/Nov/2026:24:00:59 +0000",
    ]) {
      expect([text, iso(reader, text)]).toEqual([text, "refused"]);
    }
  });

  test("reads digits since the epoch, all of them", () => {
    const reader = utc();
    expect(iso(reader, "1669200000")).toBe("2022-11-23T10:40:00.000Z");
    expect(iso(reader, "1669200000.9999")).toBe("2022-11-23T10:40:00.999Z");
    expect(iso(reader, "1669200000123")).toBe("2022-11-23T10:40:00.123Z");
    expect(iso(reader, "1669200059999999")).toBe("2022-11-23T10:40:59.999Z");
    expect(iso(reader, "1669200059999999999")).toBe("2022-11-23T10:40:59.999Z");
    expect(iso(reader, "999999999")).toBe("2001-09-09T01:46:39.000Z");
    for (const text of [
      ...["20261120", "20261120103000", "16692000001", "0669200000", "1669200000.", "-1669200000"],
      ...["1669200000.1x", "1.669e9", "16692000599999999990"],
    ]) {
      expect([text, iso(reader, text)]).toEqual([text, "refused"]);
    }
  });

  test("keeps minutes apart although it remembers the last one", () => {
    const reader = utc();
    for (let minute = 0; minute < 3000; minute += 7) {
      const expected = new Date(
        Date.UTC(2026, 1, 27, 0, minute % 1500, minute % 60, 5),
      ).toISOString();
      expect(iso(reader, expected)).toBe(expected);
      expect(iso(reader, expected.replace("T", " ").replace(".", ","))).toBe(expected);
    }
  });

  test("does not take an invalid minute for the last valid one", () => {
    const reader = utc();
    expect(iso(reader, "2026-02-28T10:00:00Z")).toBe("2026-02-28T10:00:00.000Z");
    expect(iso(reader, "2026-02-30T10:00:00Z")).toBe("refused");
    expect(iso(reader, "2026-02-30T10:00:00Z")).toBe("refused");
    expect(iso(reader, "2026-02-28T10:00:01Z")).toBe("2026-02-28T10:00:01.000Z");
  });

  test("takes a time without zone as the wall clock's of its zone", () => {
    const reader = new TimeReader(new TimeZone("Europe/Berlin"));
    expect(iso(reader, "2026-07-01 12:00:00")).toBe("2026-07-01T10:00:00.000Z");
    expect(iso(reader, "2026-12-01 12:00:00")).toBe("2026-12-01T11:00:00.000Z");
    expect(iso(reader, "2026-07-01 12:00:00Z")).toBe("2026-07-01T12:00:00.000Z");
    expect(iso(reader, "2026-10-25 02:30:00")).toBe("2026-10-25T00:30:00.000Z");
    expect(iso(reader, "2026-03-29 02:30:00")).toBe("2026-03-29T01:30:00.000Z");
    expect(iso(reader, "1669200000")).toBe("2022-11-23T10:40:00.000Z");
  });

  test("reads a part of a buffer and nothing beyond it", () => {
    const bytes = Buffer.from('{"t":"2026-11-20T10:00:59Z.123Z"}');
    expect(utc().read(bytes, 6, 26)).toBe(Date.UTC(2026, 10, 20, 10, 0, 59));
    expect(utc().read(Buffer.from("2026-11-20T10:00:59Z"), 0, 17)).toBeNaN();
    expect(utc().read(Buffer.from("2026-11-20T10:00:59Z"), 0, 16)).toBe(Date.UTC(2026, 10, 20, 10));
  });
});

describe("epochMs", () => {
  test("tells the unit by the size", () => {
    expect(epochMs(1669200000)).toBe(1669200000000);
    expect(epochMs(1669200000123)).toBe(1669200000123);
    expect(epochMs(1669200000123456)).toBe(1669200000123);
    expect(epochMs(1669200000123456000)).toBe(1669200000123);
  });

  test("cuts parts of a millisecond off and never crosses a second", () => {
    for (let ms = 0; ms < 1000; ms++) {
      expect(epochMs(Number(`1669200059.${String(ms).padStart(3, "0")}`))).toBe(1669200059000 + ms);
    }
    expect(epochMs(1669200059.9999998)).toBe(1669200059999);
    expect(epochMs(1669200059123.9)).toBe(1669200059123);
  });

  test("refuses what could be two things, and what is no time", () => {
    for (const value of [0, -1, 12.5, 20261120, 2e10, 20261120103000, 5e16, 1e19, 1e300]) {
      expect(epochMs(value)).toBeNaN();
    }
    expect(epochMs(Number.NaN)).toBeNaN();
    expect(epochMs(Number.POSITIVE_INFINITY)).toBeNaN();
  });
});
