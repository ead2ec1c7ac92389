import type { Expression, Value } from "./parse.ts";

/** How tightly the kinds hold together; what holds less than its place asks for gets parentheses. */
const LEVELS = { or: 1, and: 2, not: 3, comparison: 4, sum: 5, product: 6, negate: 7, primary: 8 };

/** `expression` as text that parses into the same tree. */
export function printExpression(expression: Expression): string {
  return printed(expression, LEVELS.or);
}

function printed(expression: Expression, level: number): string {
  const text = textOf(expression);
  return levelOf(expression) < level ? `(${text})` : text;
}

function textOf(expression: Expression): string {
  const own = levelOf(expression);
  switch (expression.kind) {
    case "literal":
      return literal(expression.value);
    case "name":
      return expression.name;
    case "not":
      return `!${printed(expression.operand, own)}`;
    case "negate":
      return `-${printed(expression.operand, own)}`;
    case "in":
      return `${printed(expression.operand, LEVELS.sum)} in [${expression.values.map(literal).join(", ")}]`;
    case "stage":
      return `${expression.function}(${expression.stage}${expression.field === undefined ? "" : `.${expression.field}`})`;
    case "text":
      return `${expression.function}(${expression.operands.map((operand) => printed(operand, LEVELS.or)).join(", ")})`;
    case "comparison":
      return `${printed(expression.left, LEVELS.sum)} ${expression.operator} ${printed(expression.right, LEVELS.sum)}`;
    default:
      // What stands on the right of an operator of the same level was in parentheses: a - (b - c).
      return `${printed(expression.left, own)} ${expression.operator} ${printed(expression.right, own + 1)}`;
  }
}

function levelOf(expression: Expression): number {
  switch (expression.kind) {
    case "logical":
      return expression.operator === "||" ? LEVELS.or : LEVELS.and;
    case "not":
      return LEVELS.not;
    case "comparison":
    case "in":
      return LEVELS.comparison;
    case "arithmetic":
      return "+-".includes(expression.operator) ? LEVELS.sum : LEVELS.product;
    case "negate":
      return LEVELS.negate;
    default:
      return LEVELS.primary;
  }
}

function literal(value: Value): string {
  // A number too large for a double is infinite, which as a word would be a name.
  if (value === Number.POSITIVE_INFINITY) return "1e999";
  if (value === Number.NEGATIVE_INFINITY) return "-1e999";
  if (typeof value !== "string") return String(value);
  return `'${value.replaceAll(/[\\']/g, "\\$&")}'`;
}
