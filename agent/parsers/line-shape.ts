/**
 * Shapes: how the lines of a format are written, as text, and their compilation into a tree that reads lines byte by byte.
 *
 *     {time:yy/MM/dd HH:mm:ss} {level} {logger}: {message}
 *
 * | in a shape | takes |
 * | --- | --- |
 * | `{time:LAYOUT}` | a time, as `shared/time/time-layout.ts` writes layouts |
 * | `{clock}` | a time of day without a date; the line's time is elsewhere |
 * | `{level}` | a word that is a level, or one of the format's own words; `{level:upper}` in capitals, `{level:letter}` a single letter, `{level:mark}` a single other character; `{level:near}` takes nothing and is the first level among the words that follow |
 * | `{status}` | an HTTP status, which says the level |
 * | `{name:word}` | bytes up to a space |
 * | `{name:name}` | as a word, but without colons, commas, quotes, `=` and brackets |
 * | `{name:int}` | digits |
 * | `{name:number}` | digits and a point; `{duration:number:s}` says the unit |
 * | `{name}` | everything up to the first place where the text that follows stands; at the end: the rest of the line |
 * | `(…)?` | may be missing |
 * | `{name:last}` | everything up to the last place where the text that follows stands |
 * | a space | one or more spaces or tabs; the text after `{name}` is exact |
 * | `\` | makes the next character stand for itself |
 *
 * `service`, `level`, `message` and `duration` are what they say; other names are fields, `_` is dropped.
 *
 * Shapes of one format are alternatives, tried in their order. What they have in common at their beginning is read once, because they
 * are joined into a tree. Nothing is searched twice for one alternative, so a line costs at most its length times the alternatives.
 */
import { assert } from "../../shared/assert.ts";
import { firstBytesOf, parseLayout } from "../../shared/time/time-layout.ts";

/** What a node of the tree takes from the line. */
export type NodeKind =
  | "text"
  | "space"
  | "time"
  | "clock"
  | "level"
  | "status"
  | "word"
  | "name"
  | "int"
  | "number"
  | "until"
  | "last"
  | "rest"
  | "end";

/** One step of reading a line, and what may come after it. */
export interface ShapeNode {
  readonly kind: NodeKind;
  /** Position of what it takes among all that the tree can take; -1 when it takes nothing. */
  readonly slot: number;
  readonly name: string;
  /** The text itself, or of `until` what ends it; empty for the others. */
  readonly text: string;
  readonly bytes: Uint8Array;
  /** Layout of a time, kind of a level, unit of a duration. */
  readonly detail: string;
  /** Bytes that it can begin with, as flags; at {@link AT_END} stands whether it fits where the line has ended. */
  readonly first: Uint8Array;
  /** What may come after it. */
  readonly next: ShapeChoices;
}

/** Alternatives in the order in which they are tried. */
export interface ShapeChoices {
  readonly nodes: ShapeNode[];
  /** Those that can begin with a byte, by byte: where there are many, most are never looked at. */
  byByte: readonly (readonly ShapeNode[])[] | undefined;
}

/** Stands for the byte behind the last one. */
export const AT_END = 256;

/** A compiled format: its alternatives, and how many slots they need. */
export interface ShapeTree {
  readonly roots: ShapeChoices;
  readonly slotCount: number;
}

interface Token {
  readonly kind: NodeKind;
  readonly name: string;
  readonly text: string;
  readonly detail: string;
}

const EMPTY = new Uint8Array(0);
/** From so many alternatives on a table by byte is worth its room. */
const TABLE_FROM_COUNT = 4;

/** The tree of a format's shapes. Fails with AssertionError on a shape that is wrong: shapes are part of the program. */
export function compileShapes(shapes: readonly string[]): ShapeTree {
  const roots: ShapeChoices = { nodes: [], byByte: undefined };
  let slotCount = 0;
  for (const shape of shapes) {
    for (const variant of variantsOf(shape)) {
      let level = roots;
      for (const token of tokensOf(variant)) {
        let node = level.nodes.find((known) => isSame(known, token));
        if (node === undefined) {
          const takes = token.kind !== "text" && token.kind !== "space" && token.kind !== "end";
          node = {
            slot: takes ? slotCount++ : -1,
            ...token,
            bytes: token.text === "" ? EMPTY : Buffer.from(token.text),
            first: firstOf(token),
            next: { nodes: [], byByte: undefined },
          };
          level.nodes.push(node);
        }
        level = node.next;
      }
    }
  }
  addTables(roots);
  return { roots, slotCount };
}

function addTables(choices: ShapeChoices): void {
  const { nodes } = choices;
  for (const { next } of nodes) addTables(next);
  if (nodes.length < TABLE_FROM_COUNT) return;
  const lists = new Map<string, readonly ShapeNode[]>();
  choices.byByte = Array.from({ length: AT_END + 1 }, (_, byte) => {
    const list = nodes.filter(({ first }) => first[byte] === 1);
    const key = list.map((node) => nodes.indexOf(node)).join(" ");
    const known = lists.get(key) ?? list;
    lists.set(key, known);
    return known;
  });
}

const DIGITS = "0123456789";
const CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const ENDS = new Set<NodeKind>(["rest", "end"]);

/** The bytes that a token can begin with: nearly all alternatives of a line are told by them, without trying. */
function firstOf({ kind, name, text, detail }: Token): Uint8Array {
  const flags = new Uint8Array(AT_END + 1);
  const allow = (characters: string): void => {
    for (const character of characters) flags[character.charCodeAt(0)] = 1;
  };
  if (kind === "time") {
    const layout = parseLayout(detail);
    assert(typeof layout !== "string", `the layout ${detail} of a shape is right`);
    flags.set(firstBytesOf(layout));
  } else if (kind === "text") flags[Buffer.from(text)[0] ?? 0] = 1;
  else if (kind === "space" && detail === "") allow(" \t");
  else if (kind === "clock" || kind === "status" || kind === "int") allow(DIGITS);
  else if (kind === "number") allow(`${DIGITS}.`);
  else if (kind === "level" && detail === "near") flags.fill(1, 0, AT_END);
  else if (kind === "level" && detail !== "mark") {
    allow(CAPITALS);
    if (detail === "") allow(CAPITALS.toLowerCase());
  } else if (kind === "word" || kind === "name") flags.fill(1, 0x21, AT_END);
  else flags.fill(1, 0, ENDS.has(kind) || name === "" ? AT_END + 1 : AT_END);
  return flags;
}

function isSame(node: ShapeNode, token: Token): boolean {
  return (
    node.kind === token.kind &&
    node.name === token.name &&
    node.detail === token.detail &&
    node.text === token.text
  );
}

/** The shape with and without each part that may be missing, the longer ones first. */
function variantsOf(shape: string): string[] {
  let depth = 0;
  let open = -1;
  for (let at = 0; at < shape.length; at++) {
    const character = shape[at];
    if (character === "\\") at++;
    else if (character === "(" && depth++ === 0) open = at;
    else if (character === ")" && --depth === 0) {
      assert(shape[at + 1] === "?", `a ? stands after the ) at ${at} of ${shape}`);
      const before = shape.slice(0, open);
      const after = variantsOf(shape.slice(at + 2));
      const inner = variantsOf(shape.slice(open + 1, at));
      return [...inner, ""].flatMap((middle) => after.map((rest) => before + middle + rest));
    }
  }
  assert(depth === 0, `a bracket is not closed in ${shape}`);
  return [shape];
}

function tokensOf(shape: string): Token[] {
  const pieces = [...shape.matchAll(/\{([^{}]*)\}|\\(.)|([^{}\\])/gs)];
  const tokens: Token[] = [];
  let text = "";
  const flush = (): void => {
    const last = tokens.at(-1);
    if ((last?.kind === "until" || last?.kind === "last") && last.text === "") {
      assert(text !== "", `${last.name} needs a text that ends it in ${shape}`);
      tokens.splice(-1, 1, { ...last, text });
      // A column that is padded: more spaces belong to what ends the value.
      if (text === " ") tokens.push({ kind: "space", name: "", text: "", detail: "?" });
    } else {
      for (const [part] of text.matchAll(/ |[^ ]+/g)) {
        const kind = part === " " ? "space" : "text";
        tokens.push({ kind, name: "", text: kind === "text" ? part : "", detail: "" });
      }
    }
    text = "";
  };
  pieces.forEach(([, token, escaped, plain], index) => {
    if (token === undefined) {
      text += escaped ?? plain ?? "";
      return;
    }
    flush();
    tokens.push(tokenOf(token, index === pieces.length - 1));
  });
  if (text !== "") flush();
  return [...tokens, { kind: "end", name: "", text: "", detail: "" }];
}

function tokenOf(token: string, isLast: boolean): Token {
  const [name = "", first = "", ...others] = token.split(":");
  if (name === "time") {
    return { kind: "time", name, text: "", detail: token.slice(name.length + 1) };
  }
  if (name === "clock" || name === "level" || name === "status") {
    return { kind: name, name, text: "", detail: first };
  }
  if (first === "word" || first === "name" || first === "int" || first === "number") {
    return { kind: first, name, text: "", detail: others.join(":") };
  }
  if (first === "last") return { kind: "last", name, text: "", detail: "" };
  assert(first === "", `${first} is no kind of ${token}`);
  return { kind: isLast ? "rest" : "until", name, text: "", detail: "" };
}
