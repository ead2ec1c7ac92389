import { describe, expect, test } from "vitest";
import { isTimeZone, TimeZone } from "../../../../shared/time/time-zone.ts";

const HOUR_MS = 3_600_000;

/** The offset in hours at a wall clock's time. */
function hours(zone: TimeZone, wall: string): number {
  return zone.offsetMs(Date.parse(`${wall}Z`) / 60_000) / HOUR_MS;
}

describe("TimeZone", () => {
  test("knows summer and winter", () => {
    const berlin = new TimeZone("Europe/Berlin");
    expect(hours(berlin, "2026-01-15T12:00")).toBe(1);
    expect(hours(berlin, "2026-07-15T12:00")).toBe(2);
  });

  test("takes a wall time that occurs twice as its first occurrence", () => {
    const berlin = new TimeZone("Europe/Berlin");
    expect(hours(berlin, "2026-10-25T01:59")).toBe(2);
    expect(hours(berlin, "2026-10-25T02:00")).toBe(2);
    expect(hours(berlin, "2026-10-25T02:59")).toBe(2);
    expect(hours(berlin, "2026-10-25T03:00")).toBe(1);
    const newYork = new TimeZone("America/New_York");
    expect(hours(newYork, "2026-11-01T00:59")).toBe(-4);
    expect(hours(newYork, "2026-11-01T01:30")).toBe(-4);
    expect(hours(newYork, "2026-11-01T02:00")).toBe(-5);
  });

  test("reads a wall time that does not occur with the offset from before the change", () => {
    const berlin = new TimeZone("Europe/Berlin");
    expect(hours(berlin, "2026-03-29T01:59")).toBe(1);
    expect(hours(berlin, "2026-03-29T02:30")).toBe(1);
    expect(hours(berlin, "2026-03-29T03:00")).toBe(2);
    const newYork = new TimeZone("America/New_York");
    expect(hours(newYork, "2026-03-08T01:59")).toBe(-5);
    expect(hours(newYork, "2026-03-08T02:30")).toBe(-5);
    expect(hours(newYork, "2026-03-08T03:00")).toBe(-4);
  });

  test("follows zones whose offsets and changes are not whole hours", () => {
    expect(hours(new TimeZone("Asia/Kolkata"), "2026-01-01T00:00")).toBe(5.5);
    const lordHowe = new TimeZone("Australia/Lord_Howe");
    expect(hours(lordHowe, "2026-01-15T12:00")).toBe(11);
    expect(hours(lordHowe, "2026-07-15T12:00")).toBe(10.5);
  });

  test("takes fixed offsets and UTC", () => {
    expect(hours(new TimeZone("+02:00"), "2026-07-15T12:00")).toBe(2);
    expect(hours(new TimeZone("-0330"), "2026-07-15T12:00")).toBe(-3.5);
    expect(hours(new TimeZone("UTC"), "2026-07-15T12:00")).toBe(0);
  });

  test("takes the zone of this machine by the name `host`", () => {
    const wallMinute = Date.UTC(2026, 6, 15, 12) / 60_000;
    const expected = 0 - new Date(2026, 6, 15, 12).getTimezoneOffset() * 60_000;
    expect(new TimeZone("host").offsetMs(wallMinute)).toBe(expected);
  });

  test("goes far back and far ahead", () => {
    const berlin = new TimeZone("Europe/Berlin");
    expect(berlin.offsetMs(Date.parse("0000-01-01T00:00Z") / 60_000)).toBe(53 * 60_000 + 28_000);
    expect(hours(berlin, "9999-07-01T00:00")).toBe(2);
  });
});

describe("isTimeZone", () => {
  test("tells zones from other text", () => {
    for (const name of ["host", "UTC", "Europe/Berlin", "+05:30"])
      expect(isTimeZone(name)).toBe(true);
    for (const name of ["", "Berlin", "+25:00", "Mars/Olympus"])
      expect(isTimeZone(name)).toBe(false);
  });
});
