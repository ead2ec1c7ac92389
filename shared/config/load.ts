/** From the text of a configuration file to a checked configuration, or to all of its faults at once, each with its place. */
import { isMap, isScalar, LineCounter, type Node, parseDocument } from "yaml";
import { z } from "zod";
import { knownKeys, knownValues } from "./known-keys.ts";
import { nearestName } from "./nearest-name.ts";

/** One thing wrong in a configuration file. */
export interface ConfigFault {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  /** Such as `sources[0].paths`; empty for the whole file. */
  readonly path: string;
  readonly message: string;
}

/** A checked configuration, or what is wrong: never both. */
export type Loaded<T> =
  | { readonly config: T; readonly faults?: never }
  | { readonly faults: readonly ConfigFault[]; readonly config?: never };

/** Checks `text` against `schema`; `file` only names it in faults. */
export function loadConfig<S extends z.ZodType>(
  schema: S,
  text: string,
  file: string,
): Loaded<z.output<S>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  if (document.errors.length > 0) {
    const faults = document.errors.map((error) => ({
      file,
      ...place(error.pos[0]),
      path: "",
      message: `not valid YAML: ${error.message}`,
    }));
    return { faults };
  }
  const value: unknown = document.toJS() ?? {};
  const result = schema.safeParse(value);
  if (result.success) return { config: result.data };
  const faults = result.error.issues.flatMap((issue) =>
    describe(issue, schema, value).map((found) => ({
      file,
      ...place(offsetOf(document.contents, found.at, found.atKey)),
      path: pathText(found.at),
      message: found.message,
    })),
  );
  return { faults: faults.toSorted((a, b) => a.line - b.line || a.column - b.column) };
}

interface Found {
  readonly at: readonly PropertyKey[];
  /** Point at the key, not at its value. */
  readonly atKey: boolean;
  readonly message: string;
}

function describe(issue: z.core.$ZodIssue, schema: z.ZodType, value: unknown): Found[] {
  const at = issue.path;
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(schema, at, value);
    return issue.keys.map((key) => {
      const nearest = nearestName(key, known);
      const hint =
        nearest === undefined
          ? `known keys: ${known.toSorted().join(", ")}`
          : `did you mean \`${nearest}\`?`;
      return { at: [...at, key], atKey: true, message: `unknown key \`${key}\`; ${hint}` };
    });
  }
  if (issue.code === "invalid_union" && issue.discriminator !== undefined) {
    const kind = valueAt(value, at);
    const options = knownValues(schema, at).join(", ");
    const got = kind === undefined ? "missing: " : "";
    const shownKind = kind === undefined ? "" : `, got ${shown(kind)}`;
    return [{ at, atKey: false, message: `${got}expected one of: ${options}${shownKind}` }];
  }
  const input = valueAt(value, at);
  if (input === undefined && issue.code !== "custom") {
    return [{ at, atKey: true, message: `missing: ${expectation(issue)}` }];
  }
  const got = input === undefined ? "" : `, got ${shown(input)}`;
  return [{ at, atKey: false, message: `${expectation(issue)}${got}` }];
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      if (!issue.message.startsWith("Invalid input")) return issue.message;
      return `expected ${TYPE_NAMES[issue.expected] ?? issue.expected}`;
    case "invalid_value":
      return `expected ${issue.values.length === 1 ? "" : "one of: "}${issue.values.map(String).join(", ")}`;
    case "too_small":
      if (issue.origin === "array")
        return `expected at least ${issue.minimum} ${issue.minimum === 1 ? "entry" : "entries"}`;
      if (issue.origin === "string") return "expected a text that is not empty";
      return `expected at least ${issue.minimum}`;
    case "too_big":
      return `expected at most ${issue.maximum}${issue.origin === "array" ? " entries" : issue.origin === "string" ? " characters" : ""}`;
    case "invalid_format":
      if (!issue.message.startsWith("Invalid")) return issue.message;
      return issue.format === "url"
        ? "expected an address such as http://127.0.0.1:7400"
        : `expected a valid ${issue.format}`;
    default:
      return issue.message;
  }
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "keys and values",
  record: "keys and values",
};

function shown(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value === null || value === undefined) return "nothing";
  if (typeof value === "string") return `\`${value}\``;
  if (typeof value === "boolean") return String(value);
  return typeof value === "number" ? `the number ${value}` : "keys and values";
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = Reflect.get(current, key);
  }
  return current;
}

function pathText(path: readonly PropertyKey[]): string {
  let text = "";
  for (const key of path) {
    text += typeof key === "number" ? `[${key}]` : text === "" ? String(key) : `.${String(key)}`;
  }
  return text;
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
