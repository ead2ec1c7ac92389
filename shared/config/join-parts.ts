/** Several YAML files that are one configuration together, and where in them each value stands. */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from "yaml";

/** One thing wrong in a configuration file. */
export interface PlacedFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `sources[0].paths`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** One file. */
export interface ConfigPart {
  /** Only names it in faults. */
  readonly file: string;
  readonly text: string;
}

/** What the parts came to. */
export interface JoinedParts {
  /** Keys and values of all parts. */
  readonly value: unknown;
  /** Parts that are no YAML, and keys that two parts set. */
  readonly faults: readonly PlacedFault[];
  /** Where the value at a path stands, or its key; for what is missing the nearest that exists. */
  place(
    path: readonly PropertyKey[],
    atKey: boolean,
  ): Pick<PlacedFault, "file" | "line" | "column">;
}

interface ParsedPart {
  readonly file: string;
  readonly document: Document.Parsed;
  readonly lines: LineCounter;
}

/** A piece of a list that several parts continue, or a whole value. */
interface Piece {
  readonly part: ParsedPart;
  /** Index of its first entry in the joined list. */
  readonly from: number;
}

/** Joins parts: each adds keys of its own at the top level, or entries to a list that an earlier part began. */
export function joinParts(parts: readonly ConfigPart[]): JoinedParts {
  const faults: PlacedFault[] = [];
  const parsed = parts.map((part) => parsePart(part, faults));
  const pieces = new Map<string, Piece[]>();
  const [only] = parsed;
  const place: JoinedParts["place"] = (path, atKey) => placeOf(parsed, pieces, { path, atKey });
  if (faults.length > 0) return { value: {}, faults, place };
  if (parsed.length === 1 && only !== undefined) {
    return { value: valueOf(only, faults), faults, place };
  }
  const joined = new Map<string, unknown>();
  for (const part of parsed) {
    const value = valueOf(part, faults);
    if (value === undefined) continue;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      const at = positionOf(part, 0);
      faults.push({ file: part.file, ...at, path: "", message: "expected keys and values" });
      continue;
    }
    for (const [key, own] of Object.entries(value)) {
      const known = pieces.get(key);
      const before: unknown = joined.get(key);
      if (known === undefined) {
        pieces.set(key, [{ part, from: 0 }]);
        joined.set(key, own);
      } else if (Array.isArray(before) && Array.isArray(own)) {
        known.push({ part, from: before.length });
        joined.set(key, [...before, ...own]);
      } else {
        const at = positionOf(part, offsetOf(part.document.contents, [key], true));
        const first = known[0]?.part.file;
        const message = `already set in ${first}; only lists are continued in another file`;
        faults.push({ file: part.file, ...at, path: key, message });
      }
    }
  }
  return { value: Object.fromEntries(joined), faults, place };
}

function parsePart({ file, text }: ConfigPart, faults: PlacedFault[]): ParsedPart {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const part = { file, document, lines };
  for (const error of document.errors) {
    const message = `not valid YAML: ${error.message}`;
    faults.push({ file, ...positionOf(part, error.pos[0]), path: "", message });
  }
  if (document.errors.length === 0) checkNodes(part, faults);
  return part;
}

/** Finds what is valid YAML and yet no configuration: references to nothing, and keys that are no text. */
function checkNodes(part: ParsedPart, faults: PlacedFault[]): void {
  const add = (node: Node, message: string) => {
    const at = positionOf(part, node.range?.[0] ?? 0);
    faults.push({ file: part.file, ...at, path: "", message });
  };
  visit(part.document, {
    Alias: (_, alias) => {
      const isKnown = alias.resolve(part.document) !== undefined;
      if (!isKnown) add(alias, `\`*${alias.source}\` refers to no anchor \`&${alias.source}\``);
    },
    Pair: (_, { key }) => {
      if (isNode(key) && !isScalar(key) && !isAlias(key)) {
        add(key, "a key must be text; quote a value that begins with `{`, `[` or `?`");
      }
    },
  });
}

/** The value of a part; undefined, with a fault, when its references are too many or lead in a circle. */
function valueOf(part: ParsedPart, faults: PlacedFault[]): unknown {
  try {
    return part.document.toJS() ?? {};
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const message = `the references (\`*name\`) cannot be followed: ${error.message}`;
    faults.push({ file: part.file, line: 1, column: 1, path: "", message });
    return undefined;
  }
}

function positionOf(part: ParsedPart, offset: number): { line: number; column: number } {
  const { line, col } = part.lines.linePos(offset);
  return { line, column: col };
}

function placeOf(
  parsed: readonly ParsedPart[],
  pieces: ReadonlyMap<string, readonly Piece[]>,
  { path, atKey }: { readonly path: readonly PropertyKey[]; readonly atKey: boolean },
): Pick<PlacedFault, "file" | "line" | "column"> {
  const [key, index, ...rest] = path;
  const own = pieces.get(String(key)) ?? [];
  const piece = typeof index === "number" ? own.findLast(({ from }) => from <= index) : own.at(0);
  const part = piece?.part ?? parsed[0];
  if (part === undefined) return { file: "", line: 1, column: 1 };
  const isInList = piece !== undefined && typeof index === "number" && key !== undefined;
  const local = isInList ? [key, index - piece.from, ...rest] : path;
  const offset = offsetOf(part.document.contents, local, atKey);
  return { file: part.file, ...positionOf(part, offset) };
}

// The nearest node that exists: a missing key is shown at the map that lacks it.
function offsetOf(contents: Node | null, path: readonly PropertyKey[], atKey: boolean): number {
  let node: unknown = contents;
  let offset = contents?.range?.[0] ?? 0;
  for (const [depth, key] of path.entries()) {
    const next = childOf(node, key);
    if (next === undefined) return offset;
    const isLast = depth === path.length - 1;
    offset = (isLast && atKey ? next.keyOffset : undefined) ?? next.offset ?? offset;
    node = next.node;
  }
  return offset;
}

function childOf(
  node: unknown,
  key: PropertyKey,
): { node: unknown; offset?: number; keyOffset?: number } | undefined {
  if (isMap(node)) {
    const pair = node.items.find(
      (item) => isScalar(item.key) && String(item.key.value) === String(key),
    );
    if (pair === undefined) return undefined;
    const keyOffset = isScalar(pair.key) ? pair.key.range?.[0] : undefined;
    const offset = offsetOfNode(pair.value) ?? keyOffset;
    return {
      node: pair.value,
      ...(offset === undefined ? {} : { offset }),
      ...(keyOffset === undefined ? {} : { keyOffset }),
    };
  }
  if (
    typeof node === "object" &&
    node !== null &&
    "items" in node &&
    Array.isArray(node.items) &&
    typeof key === "number"
  ) {
    const item: unknown = node.items[key];
    const offset = offsetOfNode(item);
    return item === undefined
      ? undefined
      : { node: item, ...(offset === undefined ? {} : { offset }) };
  }
  return undefined;
}

function offsetOfNode(node: unknown): number | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range))
    return undefined;
  const start: unknown = node.range[0];
  return typeof start === "number" ? start : undefined;
}
