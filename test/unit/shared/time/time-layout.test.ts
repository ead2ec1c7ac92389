import { describe, expect, test } from "vitest";
import {
  fieldsOf,
  firstBytesOf,
  LAYOUT_NAMES,
  parseLayout,
} from "../../../../shared/time/time-layout.ts";

function fields(text: string): string[] {
  const layout = parseLayout(text);
  if (typeof layout === "string") throw new Error(layout);
  return fieldsOf(layout);
}

describe("parseLayout", () => {
  test("finds the fields in their order, those that may be missing too", () => {
    expect(fields("yyyy-MM-dd'T'HH:mm[:ss[,SSS]][XXX]")).toEqual([
      "year",
      "month",
      "day",
      "hour",
      "minute",
      "second",
      "fraction",
      "zone",
    ]);
    expect(fields("EEE, d MMM yy h:mm a")).toEqual([
      "weekday",
      "day",
      "monthName",
      "shortYear",
      "halfDayHour",
      "minute",
      "halfDay",
    ]);
  });

  test.each([
    ["yyyy-MM-ddTHH:mm", "T is no field; letters that stand for themselves are quoted: 'T'"],
    ["yyyy-MM HH:mm", "it has no place for a day"],
    ["yyyy-dd HH:mm", "it has no place for a month"],
    ["yyyy-MM-dd mm", "it has no place for an hour"],
    ["yyyy-MM-dd HH", "it has no place for minutes"],
    ["yyyy-MM-dd hh:mm", "hh and a belong together, a after hh"],
    ["yyyy-MM-dd a hh:mm", "hh and a belong together, a after hh"],
    ["yyyy-MM-dd HH:mm yyyy", "it has two places for the year"],
    ["yyyy-MM-dd HH:mm[:ss", "a [ is not closed"],
    ["yyyy-MM-dd HH:mm]", "a ] closes nothing"],
    ["yyyy-MM-dd 'T HH:mm", "a quote is not closed"],
  ])("says what is wrong with %s", (text, fault) => {
    expect(parseLayout(text)).toBe(fault);
  });

  test("knows all layouts that have names", () => {
    for (const name of LAYOUT_NAMES) expect(typeof parseLayout(name), name).toBe("object");
  });
});

describe("firstBytesOf", () => {
  test("says how a time can begin", () => {
    const begins = (text: string): string => {
      const layout = parseLayout(text);
      if (typeof layout === "string") throw new Error(layout);
      return [...firstBytesOf(layout)]
        .flatMap((flag, byte) => (flag === 1 ? [String.fromCharCode(byte)] : []))
        .join("");
    };
    expect(begins("'['yyyy-MM-dd HH:mm")).toBe("[");
    expect(begins("['<']d.M. HH:mm")).toBe(" 0123456789<");
    expect(begins("epoch_ms")).toBe("0123456789");
    expect(begins("rfc2822")).toMatch(/^ 0123456789A.*z$/);
  });
});
