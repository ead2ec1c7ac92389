import { describe, expect, test } from "vitest";
import {
  type StructuredData,
  structuredDataEnd,
} from "../../../../agent/parsers/structured-data.ts";

function read(text: string): unknown {
  const data: StructuredData = new Map();
  const line = Buffer.from(text);
  const end = structuredDataEnd(line, 0, line.length, data);
  expect(structuredDataEnd(line, 0, line.length)).toBe(end);
  if (end < 0) return "refused";
  return [[...data].map(([id, values]) => [id, ...values]), line.toString("utf8", end)];
}

describe("structuredDataEnd", () => {
  test("reads elements, their values without escapes", () => {
    expect(read("- x")).toEqual([[], " x"]);
    expect(read("[a]")).toEqual([[["a"]], ""]);
    expect(read('[a@1 b="c" d=""][e f="\\"\\\\\\]\\n"] x')).toEqual([
      [
        ["a@1", ["b", "c"], ["d", ""]],
        ["e", ["f", '"\\]\\n']],
      ],
      " x",
    ]);
  });

  test("takes spaces before a value", () => {
    expect(read('[a b= "c" d=""] x')).toEqual([[["a", ["b", "c"], ["d", ""]]], " x"]);
  });

  test("loses nothing of an element that occurs twice, or that has a name of JavaScript", () => {
    expect(read('[a b="1"][a c="2"]')).toEqual([[["a", ["b", "1"], ["c", "2"]]], ""]);
    expect(read('[__proto__ b="1"]')).toEqual([[["__proto__", ["b", "1"]]], ""]);
  });

  test.each([
    "",
    "x",
    "[",
    "[]",
    "[ ]",
    "[a",
    "[a b]",
    '[a b="c]',
    '[a b="c]"]',
    `[${"a".repeat(33)}]`,
    '[a =""]',
    "[a b= ",
    "[a b= c]",
  ])("refuses %s", (text) => {
    expect(read(text)).toBe("refused");
  });
});
