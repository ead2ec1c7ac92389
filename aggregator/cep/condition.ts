import {
  compileName,
  compilePredicate,
  type StageEvents,
} from "../../shared/expression/compile.ts";
import type { Expression } from "../../shared/expression/parse.ts";
import { asksStages } from "../../shared/expression/visit.ts";
import type { Stage } from "./pattern.ts";
import type { CepEvent } from "./shared-buffer.ts";

/** The event under test, and what the partial match holds so far. */
export interface Evaluation extends StageEvents {
  readonly event: CepEvent;
  /** Rises with every event of this evaluation, so that an answer can be kept while it stays the same. */
  readonly serial: number;
}

/** A condition on an edge of the automaton. */
export interface Condition {
  test(evaluation: Evaluation): boolean;
  /** As shown to people. */
  readonly text: string;
  /** How tightly the text holds together: it needs parentheses within something tighter. */
  readonly level: number;
}

const OR_LEVEL = 1;
const AND_LEVEL = 2;
const NOT_LEVEL = 3;
const COMPARISON_LEVEL = 4;

/** Always true. */
export const ALWAYS: Condition = { test: () => true, text: "true", level: COMPARISON_LEVEL };

const NEVER: Condition = { test: () => false, text: "false", level: COMPARISON_LEVEL };

/** The opposite of `condition`. */
export function not(condition: Condition): Condition {
  if (condition === ALWAYS) return NEVER;
  if (condition === NEVER) return ALWAYS;
  return {
    test: (evaluation) => !condition.test(evaluation),
    text: `!(${condition.text})`,
    level: NOT_LEVEL,
  };
}

/** Both. */
export function and(left: Condition, right: Condition): Condition {
  if (left === ALWAYS) return right;
  if (right === ALWAYS) return left;
  return {
    test: (evaluation) => left.test(evaluation) && right.test(evaluation),
    text: joined([left, right], " && ", AND_LEVEL),
    level: AND_LEVEL,
  };
}

function or(left: Condition, right: Condition): Condition {
  return {
    test: (evaluation) => left.test(evaluation) || right.test(evaluation),
    text: joined([left, right], " || ", OR_LEVEL),
    level: OR_LEVEL,
  };
}

function joined(parts: readonly Condition[], operator: string, level: number): string {
  return parts.map((part) => (part.level < level ? `(${part.text})` : part.text)).join(operator);
}

/** What an author wrote as one condition. */
export interface WrittenCondition {
  readonly text: string;
  readonly expression: Expression;
}

/** All of `where` hold, or one of `or` does; always true when nothing is written. */
export function stageCondition(
  where: readonly WrittenCondition[],
  alternatives: readonly WrittenCondition[],
): Condition {
  const parts = alternatives.map(written);
  const [first, ...rest] = where.map(written);
  if (first !== undefined) parts.unshift(rest.reduce(and, first));
  const [head, ...tail] = parts;
  return head === undefined ? ALWAYS : tail.reduce(or, head);
}

/** The value of the stage's `distinct` field is there, and that of no event that the stage holds; always true without such a field. */
export function distinctCondition({ name, distinct }: Pick<Stage, "name" | "distinct">): Condition {
  if (distinct === undefined) return ALWAYS;
  const valueOf = compileName(distinct);
  return {
    test: (evaluation) => {
      const value = valueOf(evaluation.event);
      return value !== null && evaluation.eventsOf(name).every((held) => valueOf(held) !== value);
    },
    text: `${distinct} is that of no event of ${name}`,
    level: COMPARISON_LEVEL,
  };
}

function written({ text, expression }: WrittenCondition): Condition {
  const holds = compilePredicate(expression);
  const test = (evaluation: Evaluation) => holds(evaluation.event, evaluation);
  return {
    test: asksStages(expression) ? test : oncePerEvent(test),
    text,
    level: levelOf(expression),
  };
}

function levelOf(expression: Expression): number {
  if (expression.kind === "logical") return expression.operator === "||" ? OR_LEVEL : AND_LEVEL;
  return expression.kind === "not" ? NOT_LEVEL : COMPARISON_LEVEL;
}

/** A condition on the event alone has one answer for all partial matches, of which a key can have hundreds. */
function oncePerEvent(test: (evaluation: Evaluation) => boolean) {
  // Operators that share an automaton count their events each for itself.
  let asker: Evaluation | undefined;
  let serial = -1;
  let answer = false;
  return (evaluation: Evaluation) => {
    if (evaluation.serial !== serial || evaluation !== asker) {
      asker = evaluation;
      serial = evaluation.serial;
      answer = test(evaluation);
    }
    return answer;
  };
}
