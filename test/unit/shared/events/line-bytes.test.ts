import { describe, expect, test } from "vitest";
import {
  byteOrderMarkBytes,
  decimalNumber,
  equalBytes,
  isBlank,
} from "../../../../shared/events/line-bytes.ts";

const within = (text: string): [Buffer, number, number] => {
  const bytes = Buffer.from(`9${text}9`);
  return [bytes, 1, bytes.length - 1];
};

describe("isBlank", () => {
  test("is true of white space only", () => {
    for (const text of ["", " ", "\t \r", "\v\f"]) expect(isBlank(...within(text))).toBe(true);
    for (const text of ["a", " a ", "\0", "\xa0", "\x1f"])
      expect(isBlank(...within(text))).toBe(false);
  });
});

describe("byteOrderMarkBytes", () => {
  test("is 3 where a mark stands", () => {
    expect(byteOrderMarkBytes(Buffer.from("\ufeffa"), 0, 4)).toBe(3);
    expect(byteOrderMarkBytes(Buffer.from("\ufeffa"), 0, 2)).toBe(0);
    expect(byteOrderMarkBytes(Buffer.from("abcd"), 0, 4)).toBe(0);
  });
});

describe("equalBytes", () => {
  test("compares a part of a buffer with a word", () => {
    expect(equalBytes(Buffer.from("xabcx"), 1, 4, Buffer.from("abc"))).toBe(true);
    expect(equalBytes(Buffer.from("xabcx"), 1, 5, Buffer.from("abc"))).toBe(false);
    expect(equalBytes(Buffer.from("xabdx"), 1, 4, Buffer.from("abc"))).toBe(false);
  });
});

describe("decimalNumber", () => {
  test("reads what Number reads, to the last bit", () => {
    for (const text of [
      ...["0", "-0", "7", "12.4", "0.1", "0.30000000000000004", "9007199254740993", "1e3", "1E-7"],
      ...["123456789012345678", "0.000000953674", "1.5e+300", "1e400", "-12.5", "999999999.999999"],
      ...["123456789.123456", "4.35", "2.675", "1073741823.9999999", "007", "-5e-324"],
    ]) {
      expect([text, decimalNumber(...within(text))]).toEqual([text, Number(text)]);
    }
  });

  test("refuses what JSON would not write as a number", () => {
    for (const text of [
      "",
      "-",
      ".",
      ".5",
      "5.",
      "1.2.3",
      "+1",
      "1e",
      "1e+",
      "e5",
      "0x10",
      "1_000",
      "NaN",
      " 1",
      "1 ",
      "--1",
    ]) {
      expect([text, decimalNumber(...within(text))]).toEqual([text, Number.NaN]);
    }
  });
});
