import { describe, expect, it } from "vitest";
import { candidateLines } from "../../../../agent/window/candidate-lines.ts";

function found(text: string, needles?: readonly string[], from = 0, to = text.length): string[] {
  const buffer = Buffer.from(text);
  const places = candidateLines(
    buffer,
    from,
    to,
    needles?.map((needle) => Buffer.from(needle)),
  );
  return [...places].map((line) => buffer.toString("utf8", line.from, line.to));
}

describe("candidate lines", () => {
  it("are all lines when no text is asked for", () => {
    expect(found("one\n\ntwo\r\nthree")).toEqual(["one", "", "two\r", "three"]);
    expect(found("")).toEqual([]);
  });

  it("are those that hold one of the texts, each once and in order", () => {
    const text = "a x\nb\nc y x y\nd y\ne\n";
    expect(found(text, ["x", "y"])).toEqual(["a x", "c y x y", "d y"]);
    expect(found(text, ["z"])).toEqual([]);
    expect(found(text, ["e"])).toEqual(["e"]);
  });

  it("stay within the part that is looked at", () => {
    expect(found("x\nx 2\nx 3\nx\n", ["x"], 2, 10)).toEqual(["x 2", "x 3"]);
    expect(found("ab\nab", ["ab"])).toEqual(["ab", "ab"]);
  });
});
