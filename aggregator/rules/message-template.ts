import { checkExpression } from "../../shared/expression/check.ts";
import {
  compileValue,
  type ExpressionEvent,
  type StageEvents,
} from "../../shared/expression/compile.ts";
import { type Expression, parseExpression, type Value } from "../../shared/expression/parse.ts";

/** A text with expressions in double braces, such as `User {{key}} paid {{sum(first.amount)}}`. */
export interface MessageTemplate {
  /** The text for a match: names are those of its last event, functions see all its stages. */
  render(last: ExpressionEvent, stages: StageEvents): string;
  /** What stands in braces. */
  readonly expressions: readonly Expression[];
}

/** A template, or what is wrong with it: never both. */
export type CompiledTemplate =
  | { readonly template: MessageTemplate; readonly faults?: never }
  | { readonly faults: readonly string[]; readonly template?: never };

/** Compiles `text`; `stages` are those it may ask about. */
export function compileTemplate(text: string, stages: readonly string[]): CompiledTemplate {
  const faults: string[] = [];
  const expressions: Expression[] = [];
  const parts: ((last: ExpressionEvent, stages: StageEvents) => string)[] = [];
  for (const piece of text.split(/(\{\{.*?\}\})/su)) {
    const source = /^\{\{(.*)\}\}$/su.exec(piece)?.[1];
    if (source === undefined) {
      parts.push(() => piece);
      continue;
    }
    const { expression, fault } = parseExpression(source);
    const found = expression === undefined ? [fault] : checkExpression(expression, { stages });
    faults.push(...found.map(({ message }) => `${message} (in {{${source}}})`));
    if (expression === undefined) continue;
    expressions.push(expression);
    const value = compileValue(expression);
    parts.push((last, stages) => shown(value(last, stages)));
  }
  if (faults.length > 0) return { faults };
  const render = (last: ExpressionEvent, stages: StageEvents) =>
    parts.map((part) => part(last, stages)).join("");
  return { template: { render, expressions } };
}

function shown(value: Value): string {
  if (value === null) return "?";
  // What arithmetic leaves behind the twelfth digit is noise: 9.302000000000001.
  return typeof value === "number" ? String(Number(value.toPrecision(12))) : String(value);
}
