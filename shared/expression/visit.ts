import type { Expression } from "./parse.ts";

/** Calls `see` with `expression` and every part of it, each before its parts. */
export function visitExpression(expression: Expression, see: (part: Expression) => void): void {
  see(expression);
  switch (expression.kind) {
    case "not":
    case "negate":
    case "in":
      visitExpression(expression.operand, see);
      break;
    case "logical":
    case "comparison":
    case "arithmetic":
      visitExpression(expression.left, see);
      visitExpression(expression.right, see);
      break;
    case "text":
      for (const operand of expression.operands) visitExpression(operand, see);
      break;
    default:
  }
}

/** States whether `expression` asks what a partial match holds. */
export function asksStages(expression: Expression): boolean {
  let asks = false;
  visitExpression(expression, (part) => {
    asks ||= part.kind === "stage";
  });
  return asks;
}

/** Names of the event and its fields that `expression` reads, those of other events of the match among them; each once, sorted. */
export function namesIn(expression: Expression): string[] {
  const names = new Set<string>();
  visitExpression(expression, (part) => {
    if (part.kind === "name") names.add(part.name);
    if (part.kind === "stage" && part.field !== undefined) names.add(part.field);
  });
  return [...names].toSorted();
}
