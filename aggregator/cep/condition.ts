import { compilePredicate, type StageEvents } from "../../shared/expression/compile.ts";
import type { Expression } from "../../shared/expression/parse.ts";
import type { CepEvent } from "./shared-buffer.ts";

/** The event under test, and what the partial match holds so far. */
export interface Evaluation extends StageEvents {
  readonly event: CepEvent;
  /** Rises with every event, so that an answer can be kept while it stays the same. */
  readonly serial: number;
}

/** A condition on an edge of the automaton. */
export interface Condition {
  test(evaluation: Evaluation): boolean;
  /** As shown to people. */
  readonly text: string;
}

/** Always true. */
export const ALWAYS: Condition = { test: () => true, text: "true" };

const NEVER: Condition = { test: () => false, text: "false" };

/** The opposite of `condition`. */
export function not(condition: Condition): Condition {
  if (condition === ALWAYS) return NEVER;
  if (condition === NEVER) return ALWAYS;
  return { test: (evaluation) => !condition.test(evaluation), text: `!(${condition.text})` };
}

/** Both. */
export function and(left: Condition, right: Condition): Condition {
  if (left === ALWAYS) return right;
  if (right === ALWAYS) return left;
  return {
    test: (evaluation) => left.test(evaluation) && right.test(evaluation),
    text: `${grouped(left.text)} && ${grouped(right.text)}`,
  };
}

/** What an author wrote as one condition. */
export interface WrittenCondition {
  readonly text: string;
  readonly expression: Expression;
}

/** All of `where` hold, or one of `or` does; always true when nothing is written. */
export function stageCondition(
  where: readonly WrittenCondition[],
  or: readonly WrittenCondition[],
): Condition {
  if (where.length + or.length === 0) return ALWAYS;
  const all = where.map(({ expression }) => compilePredicate(expression));
  const alternatives = or.map(({ expression }) => compilePredicate(expression));
  const whole = where.map(({ text }) => grouped(text)).join(" && ");
  const texts = [...(where.length === 0 ? [] : [whole]), ...or.map(({ text }) => text)];
  const test = ({ event }: Evaluation, stages: StageEvents): boolean => {
    if (all.length > 0 && all.every((holds) => holds(event, stages))) return true;
    return alternatives.some((holds) => holds(event, stages));
  };
  const only = all[0];
  const asks = [...where, ...or].some(({ expression }) => asksStages(expression));
  const fast =
    all.length === 1 && or.length === 0 && only !== undefined
      ? (evaluation: Evaluation) => only(evaluation.event, evaluation)
      : (evaluation: Evaluation) => test(evaluation, evaluation);
  const text = texts.length === 1 ? texts.join("") : texts.map(grouped).join(" || ");
  return asks ? { test: fast, text } : { test: oncePerEvent(fast), text };
}

/** A condition on the event alone has one answer for all partial matches, of which a key can have hundreds. */
function oncePerEvent(test: (evaluation: Evaluation) => boolean) {
  let serial = -1;
  let answer = false;
  return (evaluation: Evaluation) => {
    if (evaluation.serial !== serial) {
      serial = evaluation.serial;
      answer = test(evaluation);
    }
    return answer;
  };
}

function asksStages(expression: Expression): boolean {
  switch (expression.kind) {
    case "stage":
      return true;
    case "not":
    case "negate":
    case "in":
      return asksStages(expression.operand);
    case "logical":
    case "comparison":
    case "arithmetic":
      return asksStages(expression.left) || asksStages(expression.right);
    default:
      return false;
  }
}

function grouped(text: string): string {
  return text.includes("||") && !/^!?\([^()]*\)$/.test(text) ? `(${text})` : text;
}
