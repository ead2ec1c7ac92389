import { nearestName } from "../config/nearest-name.ts";
import type { Expression, ExpressionFault } from "./parse.ts";
import { visitExpression } from "./visit.ts";

/** What names an expression may use. */
export interface KnownNames {
  /** Stages that it may ask about with `count`, `sum`, …; empty: it may ask about none. */
  readonly stages: readonly string[];
  /** Fields that events have; undefined: any. */
  readonly fields?: readonly string[];
  /** Further fields that are right, and not worth telling of. */
  readonly unlisted?: readonly string[];
}

/** Faults that a parser cannot see: unknown stages and fields, comparisons that never hold. In the order of the text. */
export function checkExpression(expression: Expression, known: KnownNames): ExpressionFault[] {
  const faults: ExpressionFault[] = [];
  visitExpression(expression, (part) => {
    const message = faultOf(part, known);
    if (message !== undefined) faults.push({ offset: part.offset, message });
  });
  return faults.toSorted((a, b) => a.offset - b.offset);
}

function faultOf(part: Expression, known: KnownNames): string | undefined {
  switch (part.kind) {
    case "stage":
      if (known.stages.includes(part.stage)) return undefined;
      return `unknown stage \`${part.stage}\`; ${hint(part.stage, known.stages, "stages")}`;
    case "name":
      if (known.fields === undefined || known.fields.includes(part.name)) return undefined;
      if (known.unlisted?.includes(part.name) === true) return undefined;
      return `unknown field \`${part.name}\`; ${hint(part.name, known.fields, "fields")}`;
    case "in":
      return part.values.length === 0 ? "nothing is in an empty list" : undefined;
    case "text":
      return part.operands.some(isNoText) ? `\`${part.function}\` takes texts` : undefined;
    case "comparison":
      return neverHolds(part.operator, part.right) ?? neverHolds(part.operator, part.left);
    default:
      return undefined;
  }
}

function isNoText(operand: Expression): boolean {
  return operand.kind === "literal" && typeof operand.value !== "string";
}

function neverHolds(operator: string, side: Expression): string | undefined {
  if (operator === "==" || operator === "!=" || side.kind !== "literal") return undefined;
  if (typeof side.value === "number" || typeof side.value === "string") return undefined;
  return `\`${operator}\` never holds for ${side.value}: it compares two numbers or two texts`;
}

function hint(name: string, names: readonly string[], what: string): string {
  if (names.length === 0) return `there are no ${what} here`;
  const nearest = nearestName(name, names);
  return nearest === undefined
    ? `known ${what}: ${names.join(", ")}`
    : `did you mean \`${nearest}\`?`;
}
