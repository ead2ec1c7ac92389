import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Expression, parseExpression } from "../../../../shared/expression/parse.ts";

/** The tree with every operation in parentheses. */
function grouped(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return JSON.stringify(expression.value);
    case "name":
      return expression.name;
    case "not":
      return `!(${grouped(expression.operand)})`;
    case "negate":
      return `-(${grouped(expression.operand)})`;
    case "in":
      return `(${grouped(expression.operand)} in ${JSON.stringify(expression.values)})`;
    case "stage":
      return `${expression.function}(${expression.stage}${expression.field === undefined ? "" : `.${expression.field}`})`;
    case "text":
      return `${expression.function}(${expression.operands.map(grouped).join(", ")})`;
    default:
      return `(${grouped(expression.left)} ${expression.operator} ${grouped(expression.right)})`;
  }
}

function tree(text: string): string {
  const { expression, fault } = parseExpression(text);
  if (expression === undefined) throw new Error(`${fault.offset}: ${fault.message}`);
  return grouped(expression);
}

describe("precedence", () => {
  it.each([
    ["a || b && c", "(a || (b && c))"],
    ["!type == 'A'", '!((type == "A"))'],
    ["!a && b", "(!(a) && b)"],
    ["!!a == 1", "!(!((a == 1)))"],
    ["a == 1 && b in [1, -2, 'x', null]", '((a == 1) && (b in [1,-2,"x",null]))'],
    ["v !in [1,3]", "!((v in [1,3]))"],
    ["v - 1 - 1 == 0", "(((v - 1) - 1) == 0)"],
    ["v + 1 * 2 > 4", "((v + (1 * 2)) > 4)"],
    ["(v + 1) * 2 > 4", "(((v + 1) * 2) > 4)"],
    ["-v * 2 <= --2", "((-(v) * 2) <= -(-(2)))"],
    ["sum(a.v) + v < count(b)", "((sum(a.v) + v) < count(b))"],
    ["a < 1 || b > 2 || c", "(((a < 1) || (b > 2)) || c)"],
    [
      "!contains(lower(a), 'x') || startsWith(a, b)",
      '(!(contains(lower(a), "x")) || startsWith(a, b))',
    ],
    ["lower == endsWith(a || b, 'c')", '(lower == endsWith((a || b), "c"))'],
    ["count == 1.5e3", "(count == 1500)"],
    ["x == \"it's\" || y == '\\''", '((x == "it\'s") || (y == "\'"))'],
  ])("of %s", (text, expected) => {
    expect(tree(text)).toBe(expected);
  });
});

describe("a fault", () => {
  it.each([
    ["", 0, /expected a value, got the end/],
    ["a = 1", 2, /compare with `==`/],
    ["a & b", 2, /`&&`/],
    ["a == 'x", 5, /has no end/],
    ["(a == 1", 7, /expected `\)`, got the end/],
    ["a == 1 b", 7, /expected an operator or the end, got `b`/],
    ["contains(a)", 10, /needs two texts/],
    ["lower(a, b)", 7, /expected `\)`/],
    ["uppercase(a)", 0, /unknown function `uppercase`; known: avg, contains, /],
    ["1 < x < 3", 6, /expected an operator or the end/],
    ["a in 3", 5, /`in` needs a list/],
    ["a in [b]", 6, /only literals, got `b`/],
    ["average(a.v)", 0, /unknown function `average`; known: avg, contains, count,/],
    ["sum(a)", 5, /sum\(a\.field\)/],
    ["count(a.v)", 7, /expected `\)`/],
    ["a ! b", 4, /`!in`/],
    ["in == 1", 0, /expected a value, got `in`/],
    [`${"(".repeat(300)}1`, 201, /nested deeper/],
  ])("in %s is told with its place", (text, offset, message) => {
    const { fault } = parseExpression(text);
    expect(fault).toMatchObject({ offset });
    expect(fault?.message).toMatch(message);
  });

  it("is all that any text can lead to", () => {
    const word = fc.constantFrom(
      ..."a 1 'x' \" ' ( ) [ ] , . ! == < && || in !in + - * / count( sum( . true null \\ § \u2028".split(
        " ",
      ),
    );
    fc.assert(
      fc.property(
        fc.array(word).map((words) => words.join(" ")),
        (text) => {
          const { fault } = parseExpression(text);
          if (fault !== undefined) expect(fault.offset).toBeLessThanOrEqual(text.length);
        },
      ),
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const { expression, fault } = parseExpression(text);
        expect(expression === undefined).toBe(fault !== undefined);
      }),
    );
  });
});
