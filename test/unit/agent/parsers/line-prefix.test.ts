import { describe, expect, test } from "vitest";
import { linePrefixEnd } from "../../../../agent/parsers/line-prefix.ts";

function rest(text: string): string {
  const line = Buffer.from(`>>${text}`);
  return line.toString("utf8", linePrefixEnd(line, 2, line.length));
}

describe("linePrefixEnd", () => {
  test.each([
    ["web-1  | 2026-11-20 x", "2026-11-20 x"],
    ["[pod/web-1/app] 2026-11-20 x", "2026-11-20 x"],
    ["app.log:2026-11-20 x", "2026-11-20 x"],
    ["nova-api.log.1.2017-05-16_13:53:08 2017-05-16 x", "2017-05-16 x"],
  ])("finds the line in %s", (text, line) => {
    expect(rest(text)).toBe(line);
  });

  test.each([
    "2026-11-20 x",
    "[main] x",
    "[pod/web-1/app]",
    "web-1 |x",
    "app.log",
    "",
    " | x",
    `${"a".repeat(200)}.log x`,
  ])("leaves %s alone", (text) => {
    expect(rest(text)).toBe(text);
  });
});
