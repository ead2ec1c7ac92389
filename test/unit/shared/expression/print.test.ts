import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { present } from "../../../../shared/assert.ts";
import { type Expression, parseExpression } from "../../../../shared/expression/parse.ts";
import { printExpression } from "../../../../shared/expression/print.ts";

function parsed(text: string): Expression {
  const { expression, fault } = parseExpression(text);
  return present(expression, `${text}: ${fault?.message}`);
}

/** Without the places, which a text laid out otherwise has elsewhere. */
const shape = (expression: Expression): unknown =>
  JSON.parse(JSON.stringify(expression), (name, value) => (name === "offset" ? undefined : value));

const at = { offset: 0 };
const leaf: fc.Arbitrary<Expression> = fc.oneof(
  fc.constantFrom("a", "type", "ünder_1").map((name) => ({ kind: "name" as const, name, ...at })),
  fc
    .oneof(
      fc.nat(),
      fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
    )
    .map((value) => ({ kind: "literal" as const, value, ...at })),
  fc.constantFrom("contains" as const, "endsWith" as const, "startsWith" as const).map((name) => ({
    ...{ kind: "text" as const, function: name, ...at },
    operands: [
      { kind: "text" as const, function: "lower" as const, operands: [parsed("a || b")], ...at },
      parsed("x == 'it\\'s'"),
    ],
  })),
  fc.constant({ kind: "stage" as const, function: "sum" as const, stage: "s", field: "f", ...at }),
);
const { tree } = fc.letrec<{ tree: Expression }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc
      .record({ kind: fc.constantFrom("not" as const, "negate" as const), operand: tie("tree") })
      .map((one) => ({ ...one, ...at })),
    fc
      .record({
        kind: fc.constant("logical" as const),
        operator: fc.constantFrom("||" as const, "&&" as const),
        left: tie("tree"),
        right: tie("tree"),
      })
      .map((one) => ({ ...one, ...at })),
    fc
      .record({
        kind: fc.constant("comparison" as const),
        operator: fc.constantFrom("==" as const, "<" as const),
        left: tie("tree"),
        right: tie("tree"),
      })
      .map((one) => ({ ...one, ...at })),
    fc
      .record({
        kind: fc.constant("arithmetic" as const),
        operator: fc.constantFrom("+" as const, "-" as const, "*" as const, "/" as const),
        left: tie("tree"),
        right: tie("tree"),
      })
      .map((one) => ({ ...one, ...at })),
    fc
      .record({
        kind: fc.constant("in" as const),
        operand: tie("tree"),
        values: fc.array(fc.oneof(fc.nat(), fc.string(), fc.constant(-1))),
      })
      .map((one) => ({ ...one, ...at })),
  ),
}));

describe("a printed expression", () => {
  it("parses into the same tree", () => {
    fc.assert(
      fc.property(tree, (expression) => {
        const text = printExpression(expression);
        fc.pre(text.length < 4000);
        expect(shape(parsed(text))).toEqual(shape(expression));
      }),
      { numRuns: 1000 },
    );
  });

  it("has no more parentheses than it needs", () => {
    for (const text of [
      "a || b && !c == 'd'",
      "a - (b - c) * -d < 1",
      "(a || b) && c in [1, -2, 'x']",
    ]) {
      expect(printExpression(parsed(text))).toBe(text);
    }
  });

  it("keeps numbers that are infinite", () => {
    expect(printExpression(parsed("a < 1e999 || b in [-1e999]"))).toBe(
      "a < 1e999 || b in [-1e999]",
    );
  });
});
