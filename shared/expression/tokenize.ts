/** A word, literal or symbol of an expression; `offset` in characters from 0. */
export interface Token {
  readonly kind: "number" | "string" | "name" | "symbol" | "end";
  /** As it stands in the source; for a string without its quotes. */
  readonly text: string;
  readonly value: number | string;
  readonly offset: number;
}

/** Carries a fault out of the parser's recursion; never leaves this folder. */
export class SyntaxFault extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

const TOKEN =
  /\s+|(?<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[\p{L}_$][\p{L}\p{N}_$]*)|(?<quoted>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<symbol>\|\||&&|[=!<>]=|[!<>+\-*/()[\],.])/uy;

/** The tokens of `text`, the last one of kind `end`. Throws {@link SyntaxFault} at what is none. */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (let offset = 0; offset < text.length; offset = TOKEN.lastIndex) {
    // Sticky: looks only at `offset`. One for all calls, since its classes of Unicode letters take milliseconds to compile.
    TOKEN.lastIndex = offset;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw new SyntaxFault(offset, unknown(text, offset));
    const { number, name, quoted, symbol } = groups;
    if (number !== undefined) {
      tokens.push({ kind: "number", text: number, value: Number(number), offset });
    } else if (quoted !== undefined) {
      const content = quoted.slice(1, -1).replaceAll(/\\(.)/gsu, "$1");
      tokens.push({ kind: "string", text: content, value: content, offset });
    } else if (name !== undefined) {
      tokens.push({ kind: "name", text: name, value: name, offset });
    } else if (symbol !== undefined) {
      tokens.push({ kind: "symbol", text: symbol, value: symbol, offset });
    }
  }
  tokens.push({ kind: "end", text: "", value: "", offset: text.length });
  return tokens;
}

const INSTEAD: Readonly<Record<string, string>> = {
  "=": "compare with `==`",
  "&": "and is `&&`",
  "|": "or is `||`",
};

function unknown(text: string, offset: number): string {
  const character = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  if (character === "'" || character === '"') return `the text that begins here has no end`;
  const instead = INSTEAD[character];
  return `\`${character}\` is no operator${instead === undefined ? "" : `; ${instead}`}`;
}
