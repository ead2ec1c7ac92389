import { describe, expect, test } from "vitest";
import { compileShapes, type ShapeChoices } from "../../../../agent/parsers/line-shape.ts";
import { AssertionError } from "../../../../shared/assert.ts";

/** A tree as text, one node a line. */
function drawn({ nodes }: ShapeChoices, indent = ""): string[] {
  return nodes.flatMap(({ kind, name, text, detail, next }) => [
    [indent + kind, name, detail, JSON.stringify(text)]
      .filter((part) => !["", '""'].includes(part))
      .join(" "),
    ...drawn(next, `${indent} `),
  ]);
}

describe("compileShapes", () => {
  test("makes a step of each part", () => {
    const { roots, slotCount } = compileShapes([
      "{time:epoch} [{a}] {b:int}#{duration:number:s} {message}",
    ]);
    expect(drawn(roots)).toEqual([
      "time time epoch",
      " space",
      '  text "["',
      '   until a "] "',
      "    int b",
      '     text "#"',
      "      number duration s",
      "       space",
      "        rest message",
      "         end",
    ]);
    expect(slotCount).toBe(5);
  });

  test("joins what alternatives have in common at their beginning", () => {
    const { roots } = compileShapes(["{level} {a:word}: {message}", "{level} {message}"]);
    expect(drawn(roots)).toEqual([
      "level level",
      " space",
      "  word a",
      '   text ":"',
      "    space",
      "     rest message",
      "      end",
      "  rest message",
      "   end",
    ]);
  });

  test("tries a part that may be missing with it first, then without", () => {
    expect(drawn(compileShapes(["{a:int}(-(x)?)?{b:word}"]).roots)).toEqual([
      "int a",
      ' text "-x"',
      "  word b",
      "   end",
      ' text "-"',
      "  word b",
      "   end",
      " word b",
      "  end",
    ]);
  });

  test("takes characters behind a backslash as they are, and lets columns be padded", () => {
    expect(drawn(compileShapes(["\\({a} {b:word}\\)"]).roots)).toEqual([
      'text "("',
      ' until a " "',
      "  space ?",
      "   word b",
      '    text ")"',
      "     end",
    ]);
  });

  test.each(["(a", "(a) b", "{a}{b}", "{a:what}"])(
    "refuses %s, which is a mistake of the program",
    (shape) => {
      expect(() => compileShapes([shape])).toThrow(AssertionError);
    },
  );
});
