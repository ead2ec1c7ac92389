import { describe, expect, test } from "vitest";
import { nearLevel } from "../../../../agent/parsers/near-level.ts";
import { levelAt, levelOfText } from "../../../../shared/events/event-fields.ts";

function near(text: string, from = 0): string {
  const bytes = Buffer.from(text);
  const levelOf = (start: number, end: number) => levelOfText(bytes.toString("latin1", start, end));
  return levelAt(nearLevel(bytes, from, bytes.length, levelOf));
}

describe("a level near by", () => {
  test.each([
    ["ERROR", "ERROR"],
    ["[main] app.Cart ERROR no stock", "ERROR"],
    ["pool-1 - [warn] slow", "WARN"],
    ["app.Cart error: no stock", "ERROR"],
    ["PHP Fatal error:  Uncaught", "ERROR"],
    ["local.CRITICAL: no stock", "FATAL"],
    ['id=7 level="DEBUG" x', "DEBUG"],
    ["{} <Error> no stock", "ERROR"],
    ["INFO before ERROR", "INFO"],
    ["\u001b[2m7\u001b[0m \u001b[31mERROR\u001b[0m no stock", "ERROR"],
  ])("of %j is %s", (text, level) => expect(near(text)).toBe(level));

  test.each([
    "no error at all",
    "ERRORS=5 TERROR ERROR5 ERROR_CODE",
    "it went wrong.ERROR",
    "an error",
    "a b c d e f g h i ERROR",
    `${"x".repeat(130)} ERROR`,
    "x\nERROR",
    "",
  ])("is not in %j", (text) => expect(near(text)).toBe("OTHER"));

  test("is looked for from a place on", () => expect(near("ERROR then WARN", 6)).toBe("WARN"));
});
