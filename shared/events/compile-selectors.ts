/** From selectors to functions: whether an event is selected, and what travels of it. */
import { assert } from "../assert.ts";
import {
  compileName,
  compilePredicate,
  type ExpressionEvent,
  type StageEvents,
} from "../expression/compile.ts";
import { type Expression, parseExpression } from "../expression/parse.ts";
import type { Selector } from "../protocol/selected-event.ts";

/** What is selected of one stream. */
export interface CompiledSelector {
  matches(event: ExpressionEvent): boolean;
  /** Names of the fields that travel, each once. */
  readonly fields: readonly string[];
  /** The selectors it was made of, their conditions parsed; one of them suffices. */
  readonly parts: readonly SelectorPart[];
}

/** One selector, its conditions parsed. */
export interface SelectorPart {
  readonly keys: readonly string[];
  readonly where: readonly Expression[];
}

const NO_STAGES: StageEvents = { eventsOf: () => [] };

/** Compiles the selectors of one stream, of which any one suffices. Their expressions were checked: see `selectors-schema.ts`. */
export function compileSelectors(selectors: readonly Selector[]): CompiledSelector {
  const parts = selectors.map(({ keys, where }) => ({ keys, where: where.map(parseChecked) }));
  const predicates = parts.map(compilePart);
  return {
    matches: (event) => predicates.some((matches) => matches(event)),
    fields: [...new Set(selectors.flatMap((selector) => selector.fields))],
    parts,
  };
}

function compilePart({ keys, where }: SelectorPart): (event: ExpressionEvent) => boolean {
  const names = keys.map((name) => compileName(name));
  const conditions = where.map((expression) => compilePredicate(expression));
  return (event) =>
    (names.length === 0 || names.some((valueOf) => valueOf(event) !== null)) &&
    (conditions.length === 0 || conditions.some((holds) => holds(event, NO_STAGES)));
}

function parseChecked(text: string): Expression {
  const { expression } = parseExpression(text);
  assert(expression !== undefined, "the expression of a selector was checked");
  return expression;
}
