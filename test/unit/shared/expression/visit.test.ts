import { describe, expect, it } from "vitest";
import { present } from "../../../../shared/assert.ts";
import { parseExpression } from "../../../../shared/expression/parse.ts";
import { asksStages, namesIn, visitExpression } from "../../../../shared/expression/visit.ts";

const parsed = (text: string) => present(parseExpression(text).expression, "expression");

describe("the parts of an expression", () => {
  it("are visited each, before their own parts", () => {
    const kinds: string[] = [];
    visitExpression(parsed("!(a in [1] && -b < 2)"), ({ kind }) => kinds.push(kind));
    expect(kinds).toEqual([
      "not",
      "logical",
      "in",
      "name",
      "comparison",
      "negate",
      "name",
      "literal",
    ]);
  });

  it("name what is read, also of events of the match", () => {
    expect(namesIn(parsed("b > sum(s.a) + b || count(s) == 1 || type == 'x'"))).toEqual([
      "a",
      "b",
      "type",
    ]);
  });

  it("ask stages or not", () => {
    expect(asksStages(parsed("a > 1 && !(b + last(s.c) == 2)"))).toBe(true);
    expect(asksStages(parsed("a > 1 && !(b + c == 2)"))).toBe(false);
  });
});
