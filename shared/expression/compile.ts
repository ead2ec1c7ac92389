/**
 * From the tree of an expression to closures. Compiled once, called per event: about ten times faster than walking the tree, and no text
 * of a user is ever evaluated as code.
 */
import { assert } from "../assert.ts";
import type {
  ArithmeticOperator,
  ComparisonOperator,
  Expression,
  StageCall,
  TextCall,
  Value,
} from "./parse.ts";

/** What an expression is asked about. */
export interface ExpressionEvent {
  readonly id: number | string;
  /** Event time in ms since the epoch. */
  readonly ts: number;
  readonly key: string | null;
  readonly type: string | null;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The events that a partial match holds so far; the current event is not among them. */
export interface StageEvents {
  /** Oldest first; empty when the stage took none or does not exist. */
  eventsOf(stage: string): readonly ExpressionEvent[];
}

/** A compiled expression. Pure: the same answer for the same event and the same stages. */
export type ValueOf = (event: ExpressionEvent, stages: StageEvents) => Value;

/** A compiled condition: only the value true counts as true. */
export type Predicate = (event: ExpressionEvent, stages: StageEvents) => boolean;

/** Compiles `expression` as a condition. */
export function compilePredicate(expression: Expression): Predicate {
  switch (expression.kind) {
    case "logical": {
      const left = compilePredicate(expression.left);
      const right = compilePredicate(expression.right);
      return expression.operator === "&&"
        ? (event, stages) => left(event, stages) && right(event, stages)
        : (event, stages) => left(event, stages) || right(event, stages);
    }
    case "not": {
      const operand = compilePredicate(expression.operand);
      return (event, stages) => !operand(event, stages);
    }
    case "comparison":
      return compileComparison(expression);
    case "in": {
      const operand = compileValue(expression.operand);
      const values = new Set(expression.values);
      return (event, stages) => values.has(operand(event, stages));
    }
    default: {
      const value = compileValue(expression);
      return (event, stages) => value(event, stages) === true;
    }
  }
}

/** Compiles `expression` for its value. */
export function compileValue(expression: Expression): ValueOf {
  switch (expression.kind) {
    case "literal": {
      const { value } = expression;
      return () => value;
    }
    case "name":
      return compileName(expression.name);
    case "negate": {
      const operand = compileValue(expression.operand);
      return (event, stages) => {
        const value = operand(event, stages);
        return typeof value === "number" ? -value : null;
      };
    }
    case "arithmetic":
      return compileArithmetic(
        expression.operator,
        compileValue(expression.left),
        compileValue(expression.right),
      );
    case "stage":
      return compileStageCall(expression);
    case "text":
      return compileTextCall(expression);
    default:
      return compilePredicate(expression);
  }
}

/** How a name is looked up: `ts`, `key`, `type` and `id` of the event itself, else one of its fields; null when there is none or it is no simple value. */
export function compileName(name: string): (event: ExpressionEvent) => Value {
  switch (name) {
    case "ts":
      return (event) => event.ts;
    case "key":
      return (event) => event.key;
    case "type":
      return (event) => event.type;
    case "id":
      return (event) => event.id;
    default:
      return (event) => {
        const value = event.fields[name];
        switch (typeof value) {
          case "number":
          case "string":
          case "boolean":
            return value;
          default:
            return null;
        }
      };
  }
}

function compileComparison(expression: {
  readonly operator: ComparisonOperator;
  readonly left: Expression;
  readonly right: Expression;
}): Predicate {
  const { operator } = expression;
  const left = compileValue(expression.left);
  if (expression.right.kind === "literal") {
    // Most conditions compare a field with a constant, whose type is known beforehand.
    const limit = expression.right.value;
    if (operator === "==") return (event, stages) => left(event, stages) === limit;
    if (operator === "!=") return (event, stages) => left(event, stages) !== limit;
    if (typeof limit === "number") return COMPARISONS_WITH_NUMBER[operator](left, limit);
  }
  const holds = COMPARISONS[operator];
  const right = compileValue(expression.right);
  return (event, stages) => holds(left(event, stages), right(event, stages));
}

const COMPARISONS: Readonly<Record<ComparisonOperator, (a: Value, b: Value) => boolean>> = {
  "==": (a, b) => a === b,
  "!=": (a, b) => a !== b,
  "<": (a, b) => isBelow(a, b),
  "<=": (a, b) => isAtMost(a, b),
  ">": (a, b) => isBelow(b, a),
  ">=": (a, b) => isAtMost(b, a),
};

const COMPARISONS_WITH_NUMBER: Readonly<
  Record<"<" | "<=" | ">" | ">=", (left: ValueOf, limit: number) => Predicate>
> = {
  "<": (left, limit) => (event, stages) => {
    const value = left(event, stages);
    return typeof value === "number" && value < limit;
  },
  "<=": (left, limit) => (event, stages) => {
    const value = left(event, stages);
    return typeof value === "number" && value <= limit;
  },
  ">": (left, limit) => (event, stages) => {
    const value = left(event, stages);
    return typeof value === "number" && value > limit;
  },
  ">=": (left, limit) => (event, stages) => {
    const value = left(event, stages);
    return typeof value === "number" && value >= limit;
  },
};

function isBelow(left: Value, right: Value): boolean {
  if (typeof left === "number") return typeof right === "number" && left < right;
  return typeof left === "string" && typeof right === "string" && left < right;
}

function isAtMost(left: Value, right: Value): boolean {
  if (typeof left === "number") return typeof right === "number" && left <= right;
  return typeof left === "string" && typeof right === "string" && left <= right;
}

function compileArithmetic(operator: ArithmeticOperator, left: ValueOf, right: ValueOf): ValueOf {
  const apply = ARITHMETIC[operator];
  return (event, stages) => {
    const a = left(event, stages);
    const b = right(event, stages);
    return typeof a === "number" && typeof b === "number" ? apply(a, b) : null;
  };
}

const ARITHMETIC: Readonly<Record<ArithmeticOperator, (a: number, b: number) => number>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
};

function compileTextCall({ function: name, operands }: TextCall): ValueOf {
  const [text, other] = operands.map(compileValue);
  assert(text !== undefined, `${name} without a text`);
  if (name === "lower" || other === undefined) {
    return (event, stages) => {
      const value = text(event, stages);
      return typeof value === "string" ? value.toLowerCase() : null;
    };
  }
  const holds = TEXT_TESTS[name];
  return (event, stages) => {
    const value = text(event, stages);
    const part = other(event, stages);
    return typeof value === "string" && typeof part === "string" && holds(value, part);
  };
}

const TEXT_TESTS = {
  contains: (text: string, part: string) => text.includes(part),
  endsWith: (text: string, part: string) => text.endsWith(part),
  startsWith: (text: string, part: string) => text.startsWith(part),
} as const;

function compileStageCall(call: StageCall): ValueOf {
  const { stage } = call;
  if (call.function === "count") return (_event, stages) => stages.eventsOf(stage).length;
  const field = compileName(call.field ?? "");
  switch (call.function) {
    case "first":
      return (_event, stages) => {
        const event = stages.eventsOf(stage)[0];
        return event === undefined ? null : field(event);
      };
    case "last":
      return (_event, stages) => {
        const event = stages.eventsOf(stage).at(-1);
        return event === undefined ? null : field(event);
      };
    default: {
      const fold = FOLDS[call.function];
      return (_event, stages) => fold(numbersOf(stages.eventsOf(stage), field));
    }
  }
}

const FOLDS = {
  sum: (numbers: readonly number[]) => total(numbers),
  avg: (numbers: readonly number[]) =>
    numbers.length === 0 ? null : total(numbers) / numbers.length,
  min: (numbers: readonly number[]) =>
    numbers.length === 0 ? null : numbers.reduce((a, b) => Math.min(a, b)),
  max: (numbers: readonly number[]) =>
    numbers.length === 0 ? null : numbers.reduce((a, b) => Math.max(a, b)),
} as const;

function total(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

/** What is no number is left out. */
function numbersOf(
  events: readonly ExpressionEvent[],
  field: (event: ExpressionEvent) => Value,
): number[] {
  const numbers: number[] = [];
  for (const event of events) {
    const value = field(event);
    if (typeof value === "number") numbers.push(value);
  }
  return numbers;
}
