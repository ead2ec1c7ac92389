import { describe, expect, test } from "vitest";
import { colourEnd, withoutColours } from "../../../../agent/parsers/print-colours.ts";

describe("a colour", () => {
  test.each([
    ["\u001b[31mERROR", 4],
    ["\u001b[0m", 3],
    ["\u001b[1;38;5;12mx", 11],
    ["\u001b[2Kweb", 3],
    ["\u001b[", 1],
    ["\u001b", 0],
    ["\u001bx", 0],
  ])("of %j ends at %i", (text, end) => {
    const bytes = Buffer.from(text);
    expect(colourEnd(bytes, 0, bytes.length)).toBe(end);
  });
});

describe("a line without colours", () => {
  test.each([
    ["\u001b[2m10:00\u001b[0m \u001b[31mERROR\u001b[0m ü", "10:00 ERROR ü"],
    ["plain", "plain"],
    ["\u001bx\u001b", "\u001bx\u001b"],
    ["\u001b[31", ""],
  ])("of %j is %j", (text, expected) => {
    expect(withoutColours(Buffer.from(text)).toString()).toBe(expected);
  });
});
