/**
 * Lines that a pattern of Logstash's dissect filter describes: texts, and keys between them.
 *
 *     %{time} [%{thread}] %{level->} %{logger}: %{message}
 *
 * A key takes everything up to the first place where the text behind it stands; the last one takes the rest. `%{}` and `%{?name}` take and
 * drop, `%{name->}` also drops repetitions of the text behind it, `%{+name}` adds to what `name` has, with a space between,
 * `%{+name/2}` in the order of the numbers, `%{*a}` takes a name and `%{&a}` its value.
 */
import { assert } from "../../shared/assert.ts";
import { defineParser } from "../../shared/events/parser.ts";
import { type FindValues, type NamedValues, NamedValuesParser } from "./named-values.ts";

interface Key {
  readonly kind: "take" | "drop" | "append" | "name" | "value";
  readonly name: string;
  /** Place among the parts of an appended value. */
  readonly order: number;
  readonly isPadded: boolean;
  /** What stands behind it; empty for the last. */
  readonly until: string;
}

interface Dissection {
  /** What the line begins with. */
  readonly start: string;
  readonly keys: readonly Key[];
}

const KINDS = { "?": "drop", "+": "append", "*": "name", "&": "value" } as const;

/** The steps that `pattern` writes, or what is wrong with it. */
export function compileDissection(pattern: string): Dissection | string {
  const pieces = pattern.split(/(%\{[^{}]*\})/);
  const [start = "", ...rest] = pieces;
  const keys: Key[] = [];
  for (let at = 0; at + 1 < rest.length; at += 2) {
    const until = rest[at + 1] ?? "";
    const isLast = at + 2 >= rest.length;
    if (until === "" && !isLast) return `nothing stands between ${rest[at]} and ${rest[at + 2]}`;
    const key = keyOf((rest[at] ?? "").slice(2, -1), until);
    if (typeof key === "string") return key;
    keys.push(key);
  }
  if (keys.length === 0) return "it has no key, such as %{time}";
  for (const { kind, name } of keys) {
    const other = kind === "name" ? "value" : kind === "value" ? "name" : kind;
    if (!keys.some((key) => key.kind === other && key.name === name)) {
      return `*${name} and &${name} belong together: one of them is missing`;
    }
  }
  return { start, keys };
}

function keyOf(text: string, until: string): Key | string {
  const parts = /^([?+*&]?)([^/]*?)(?:\/(\d+))?(->)?$/.exec(text);
  if (parts === null) return `%{${text}} is no key`;
  const [, mark = "", name = "", order = "0", padding] = parts;
  const known = Object.entries(KINDS).find(([sign]) => sign === mark)?.[1];
  const kind = known ?? (name === "" ? "drop" : "take");
  if (name === "" && kind !== "drop") return `%{${text}} has no name`;
  return { kind, name, order: Number(order), isPadded: padding !== undefined, until };
}

function findByKeys({ start, keys }: Dissection): FindValues {
  return (line) => {
    if (!line.startsWith(start)) return "unparsed";
    let at = start.length;
    const taken: string[] = [];
    for (const { until, isPadded } of keys) {
      const end = until === "" ? line.length : line.indexOf(until, at);
      if (end < 0) return "unparsed";
      taken.push(line.slice(at, end));
      at = end + until.length;
      while (isPadded && until !== "" && line.startsWith(until, at)) at += until.length;
    }
    return at < line.length ? "unparsed" : named(keys, taken);
  };
}

/** The taken texts under the names that the keys give them. */
function named(keys: readonly Key[], taken: readonly string[]): NamedValues {
  const values: NamedValues = new Map();
  const appended = new Map<string, { readonly order: number; readonly text: string }[]>();
  keys.forEach(({ kind, name, order }, index) => {
    const text = taken[index] ?? "";
    if (kind === "take" || kind === "append") {
      const parts = appended.get(name) ?? [];
      appended.set(name, [...parts, { order, text }]);
      values.set(name, "");
    } else if (kind === "name") {
      const value = keys.findIndex((key) => key.kind === "value" && key.name === name);
      values.set(text, taken[value] ?? "");
    }
  });
  for (const [name, parts] of appended) {
    const sorted = parts.toSorted((left, right) => left.order - right.order);
    values.set(name, sorted.map(({ text }) => text).join(" "));
  }
  return values;
}

/** Reads lines by a dissect pattern. */
export const parser = defineParser({
  summary: "A pattern of Logstash's dissect filter, from the configuration.",
  needs: ["pattern"],
  takes: ["timeFormats"],
  check: ({ pattern = "" }) => {
    const dissection = compileDissection(pattern);
    return typeof dissection === "string" ? { option: "pattern", fault: dissection } : undefined;
  },
  compile: (options) => {
    const dissection = compileDissection(options.pattern ?? "");
    assert(typeof dissection !== "string", "the pattern was checked before");
    return new NamedValuesParser(findByKeys(dissection), options);
  },
});
