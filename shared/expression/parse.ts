/**
 * The expression language of rules, measures, selectors and filters: text to tree.
 *
 * Precedence from low to high: `||`, `&&`, `!`, comparison and `in`, `+ -`, `* /`, unary `-`. That `!` binds looser than a comparison
 * (`!type == 'A'` is `!(type == 'A')`) is what the small parser libraries cannot be set to (jsep and its kin bind every unary operator
 * tightest), and a parser generator would be more grammar than this is code; so it is a recursive descent, one method a level.
 */
import { SyntaxFault, type Token, tokenize } from "./tokenize.ts";

/** What an expression can yield: all numbers are doubles, what is missing is null. */
export type Value = number | string | boolean | null;

/** Operators that yield a number, or null when an operand is none. */
export type ArithmeticOperator = "+" | "-" | "*" | "/";

/** Operators that compare two values. */
export type ComparisonOperator = "==" | "!=" | "<" | "<=" | ">" | ">=";

/** Functions over the events that a partial match holds for a stage. */
export const STAGE_FUNCTIONS = ["avg", "count", "first", "last", "max", "min", "sum"] as const;

/** The name of a function over the events of a stage. */
export type StageFunction = (typeof STAGE_FUNCTIONS)[number];

/** Functions of texts: what is no text contains nothing, and has no lower case. */
export const TEXT_FUNCTIONS = { contains: 2, endsWith: 2, lower: 1, startsWith: 2 } as const;

/** The name of a function of texts. */
export type TextFunction = keyof typeof TEXT_FUNCTIONS;

/** A parsed expression; `offset` is where it begins in the text, in characters from 0. */
export type Expression =
  | { readonly kind: "literal"; readonly value: Value; readonly offset: number }
  | { readonly kind: "name"; readonly name: string; readonly offset: number }
  | { readonly kind: "not" | "negate"; readonly operand: Expression; readonly offset: number }
  | {
      readonly kind: "logical";
      readonly operator: "||" | "&&";
      readonly left: Expression;
      readonly right: Expression;
      readonly offset: number;
    }
  | {
      readonly kind: "comparison";
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly offset: number;
    }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly offset: number;
    }
  | {
      readonly kind: "in";
      readonly operand: Expression;
      readonly values: readonly Value[];
      readonly offset: number;
    }
  | TextCall
  | StageCall;

/** A function of texts, with as many arguments as {@link TEXT_FUNCTIONS} says. */
export interface TextCall {
  readonly kind: "text";
  readonly function: TextFunction;
  readonly operands: readonly Expression[];
  readonly offset: number;
}

/** A function over the events of a stage. */
export interface StageCall {
  readonly kind: "stage";
  readonly function: StageFunction;
  readonly stage: string;
  /** Undefined for `count`. */
  readonly field: string | undefined;
  readonly offset: number;
}

/** What is wrong in an expression and where, in characters from 0. */
export interface ExpressionFault {
  readonly offset: number;
  readonly message: string;
}

/** A parsed expression or its first fault: never both. */
export type ParsedExpression =
  | { readonly expression: Expression; readonly fault?: never }
  | { readonly fault: ExpressionFault; readonly expression?: never };

/** Deeper nesting is refused, so that no text can exhaust the stack, here or in what walks the tree. */
const DEPTH_MAX = 200;
/** Longer texts are refused: a chain of operators also makes the tree deep. */
const LENGTH_MAX = 4096;

/** Parses `text`; never throws. */
export function parseExpression(text: string): ParsedExpression {
  if (text.length > LENGTH_MAX) {
    return { fault: { offset: LENGTH_MAX, message: `longer than ${LENGTH_MAX} characters` } };
  }
  try {
    return { expression: new Parser(tokenize(text)).whole() };
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    return { fault: { offset: error.offset, message: error.message } };
  }
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  whole(): Expression {
    const expression = this.#or();
    if (this.#peek().kind !== "end") {
      this.#fail(`expected an operator or the end, got ${shown(this.#peek())}`);
    }
    return expression;
  }

  #or(): Expression {
    let left = this.#and();
    for (;;) {
      const { offset } = this.#peek();
      const operator = this.#take("||");
      if (operator === undefined) return left;
      left = { kind: "logical", operator, left, right: this.#and(), offset };
    }
  }

  #and(): Expression {
    let left = this.#not();
    for (;;) {
      const { offset } = this.#peek();
      const operator = this.#take("&&");
      if (operator === undefined) return left;
      left = { kind: "logical", operator, left, right: this.#not(), offset };
    }
  }

  #not(): Expression {
    const { offset } = this.#peek();
    if (this.#take("!") === undefined) return this.#comparison();
    return { kind: "not", operand: this.#nested(() => this.#not()), offset };
  }

  #comparison(): Expression {
    const left = this.#sum();
    const { offset } = this.#peek();
    const operator = this.#take("==", "!=", "<=", ">=", "<", ">");
    // A comparison does not chain: `1 < x < 3` would compare a truth with a number, which nobody means.
    if (operator !== undefined) {
      return { kind: "comparison", operator, left, right: this.#sum(), offset };
    }
    const isNegated = this.#take("!") !== undefined;
    const { kind, text } = this.#peek();
    if (kind !== "name" || text !== "in") {
      if (isNegated) this.#fail("`!` stands before a condition or as `!in`, not between values");
      return left;
    }
    this.#at++;
    const operand: Expression = { kind: "in", operand: left, values: this.#list(), offset };
    return isNegated ? { kind: "not", operand, offset } : operand;
  }

  #sum(): Expression {
    let left = this.#product();
    for (;;) {
      const { offset } = this.#peek();
      const operator = this.#take("+", "-");
      if (operator === undefined) return left;
      left = { kind: "arithmetic", operator, left, right: this.#product(), offset };
    }
  }

  #product(): Expression {
    let left = this.#negation();
    for (;;) {
      const { offset } = this.#peek();
      const operator = this.#take("*", "/");
      if (operator === undefined) return left;
      left = { kind: "arithmetic", operator, left, right: this.#negation(), offset };
    }
  }

  #negation(): Expression {
    const { offset } = this.#peek();
    if (this.#take("-") === undefined) return this.#primary();
    return { kind: "negate", operand: this.#nested(() => this.#negation()), offset };
  }

  #primary(): Expression {
    const token = this.#peek();
    if (this.#take("(") !== undefined) {
      const inner = this.#nested(() => this.#or());
      this.#expect(")");
      return inner;
    }
    const { kind, text, value, offset } = token;
    if (kind === "symbol" || kind === "end" || (kind === "name" && text === "in")) {
      this.#fail(`expected a value, got ${shown(token)}`);
    }
    this.#at++;
    if (kind === "number" || kind === "string") return { kind: "literal", value, offset };
    const constant = CONSTANTS.get(text);
    if (constant !== undefined) return { kind: "literal", value: constant, offset };
    if (this.#peek().text === "(" && this.#peek().kind === "symbol") return this.#call(token);
    return { kind: "name", name: text, offset };
  }

  #call({ text, offset }: Token): StageCall | TextCall {
    if (isTextFunction(text)) return this.#textCall(text, offset);
    const name = STAGE_FUNCTIONS.find((known) => known === text);
    if (name === undefined) {
      const known = [...STAGE_FUNCTIONS, ...Object.keys(TEXT_FUNCTIONS)].toSorted();
      throw new SyntaxFault(offset, `unknown function \`${text}\`; known: ${known.join(", ")}`);
    }
    this.#expect("(");
    const stage = this.#name("the name of a stage");
    let field: string | undefined;
    if (name !== "count") {
      this.#expect(".", `\`${name}\` needs a field: ${name}(${stage}.field)`);
      field = this.#name("the name of a field");
    }
    this.#expect(")");
    return { kind: "stage", function: name, stage, field, offset };
  }

  #textCall(name: TextFunction, offset: number): TextCall {
    this.#expect("(");
    const operands: Expression[] = [];
    for (let count = 0; count < TEXT_FUNCTIONS[name]; count++) {
      if (count > 0) this.#expect(",", `\`${name}\` needs two texts: ${name}(path, 'admin')`);
      operands.push(this.#nested(() => this.#or()));
    }
    this.#expect(")");
    return { kind: "text", function: name, operands, offset };
  }

  #list(): Value[] {
    this.#expect("[", "`in` needs a list, such as x in [1, 2]");
    const values: Value[] = [];
    while (this.#take("]") === undefined) {
      if (values.length > 0) this.#expect(",");
      values.push(this.#listValue());
    }
    return values;
  }

  #listValue(): Value {
    const isNegative = this.#take("-") !== undefined;
    const token = this.#peek();
    const { kind, text, value } = token;
    const constant = kind === "name" ? CONSTANTS.get(text) : undefined;
    const isNumber = typeof value === "number";
    if (!isNumber && (isNegative || (kind !== "string" && constant === undefined))) {
      this.#fail(`a list holds only literals, got ${shown(token)}`);
    }
    this.#at++;
    if (isNumber) return isNegative ? -value : value;
    return kind === "string" ? value : (constant ?? null);
  }

  #name(what: string): string {
    const token = this.#peek();
    if (token.kind !== "name") this.#fail(`expected ${what}, got ${shown(token)}`);
    this.#at++;
    return token.text;
  }

  #nested(parse: () => Expression): Expression {
    if (++this.#depth > DEPTH_MAX) this.#fail(`nested deeper than ${DEPTH_MAX} levels`);
    const expression = parse();
    this.#depth--;
    return expression;
  }

  #take<T extends string>(...symbols: readonly T[]): T | undefined {
    const { kind, text } = this.#peek();
    const found = kind === "symbol" ? symbols.find((symbol) => symbol === text) : undefined;
    if (found !== undefined) this.#at++;
    return found;
  }

  #expect(symbol: string, message?: string): void {
    if (this.#take(symbol) === undefined) {
      this.#fail(message ?? `expected \`${symbol}\`, got ${shown(this.#peek())}`);
    }
  }

  #peek(): Token {
    // The last token is the end, and nothing goes beyond it.
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new SyntaxFault(0, "empty");
    return token;
  }

  #fail(message: string): never {
    throw new SyntaxFault(this.#peek().offset, message);
  }
}

function isTextFunction(text: string): text is TextFunction {
  return Object.hasOwn(TEXT_FUNCTIONS, text);
}

const CONSTANTS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

function shown(token: Token): string {
  if (token.kind === "end") return "the end";
  return token.kind === "string" ? `the text '${token.text}'` : `\`${token.text}\``;
}
