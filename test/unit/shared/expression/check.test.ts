import { describe, expect, it } from "vitest";
import { checkExpression } from "../../../../shared/expression/check.ts";
import { parseExpression } from "../../../../shared/expression/parse.ts";

function faults(text: string, fields?: readonly string[]) {
  const { expression } = parseExpression(text);
  if (expression === undefined) throw new Error("does not parse");
  const known = { stages: ["first", "second"], ...(fields === undefined ? {} : { fields }) };
  return checkExpression(expression, known);
}

describe("the check of an expression", () => {
  it("names the nearest stage and field", () => {
    expect(faults("count(frist) > 1 && amont > 2", ["amount", "type"])).toEqual([
      { offset: 0, message: "unknown stage `frist`; did you mean `first`?" },
      { offset: 20, message: "unknown field `amont`; did you mean `amount`?" },
    ]);
  });

  it("lets any field pass when none are known", () => {
    expect(faults("anything == sum(first.whatever)")).toEqual([]);
  });

  it("finds texts that are none, and names within functions", () => {
    expect(faults("contains(path, 4) && contains(lower(pth), 'x')", ["path"])).toEqual([
      { offset: 0, message: "`contains` takes texts" },
      { offset: 36, message: "unknown field `pth`; did you mean `path`?" },
    ]);
  });

  it("finds what can never hold", () => {
    expect(faults("a < null || !(true >= b) || c in []").map(({ message }) => message)).toEqual([
      "`<` never holds for null: it compares two numbers or two texts",
      "`>=` never holds for true: it compares two numbers or two texts",
      "nothing is in an empty list",
    ]);
  });
});
