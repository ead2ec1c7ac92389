import { checkExpression } from "../../shared/expression/check.ts";
import {
  compileValue,
  type ExpressionEvent,
  type StageEvents,
} from "../../shared/expression/compile.ts";
import { type Expression, parseExpression, type Value } from "../../shared/expression/parse.ts";

/** A number or text that an alert tells beside its message. */
export interface AlertDetail {
  readonly name: string;
  readonly expression: Expression;
  /** Names are those of the last event of the match, functions see all its stages; null when there is no such value. */
  valueOf(last: ExpressionEvent, stages: StageEvents): Value;
}

/** Details, or what is wrong with them by name: never both. */
export type CompiledDetails =
  | { readonly details: readonly AlertDetail[]; readonly faults?: never }
  | {
      readonly faults: readonly { readonly name: string; readonly message: string }[];
      readonly details?: never;
    };

/** Compiles expressions by name; `stages` are those they may ask about. */
export function compileDetails(
  texts: Readonly<Record<string, string>>,
  stages: readonly string[],
): CompiledDetails {
  const details: AlertDetail[] = [];
  const faults: { name: string; message: string }[] = [];
  for (const [name, text] of Object.entries(texts)) {
    const { expression, fault } = parseExpression(text);
    const found = expression === undefined ? [fault] : checkExpression(expression, { stages });
    for (const { offset, message } of found) {
      faults.push({ name, message: `${message} (at character ${offset + 1})` });
    }
    if (expression === undefined) continue;
    const value = compileValue(expression);
    details.push({ name, expression, valueOf: (last, held) => finite(value(last, held)) });
  }
  return faults.length > 0 ? { faults } : { details };
}

/** JSON has no other numbers: a division by zero has no value. */
function finite(value: Value): Value {
  return typeof value === "number" && !Number.isFinite(value) ? null : value;
}
