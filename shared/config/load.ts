/** From the text of a configuration file to a checked configuration, or to all of its faults at once, each with its place. */
import type { z } from "zod";
import { type ConfigPart, joinParts, type PlacedFault } from "./join-parts.ts";
import { knownKeys, knownValues } from "./known-keys.ts";
import { nearestName } from "./nearest-name.ts";
import { isSecretPlace, putSecrets, type Secrets } from "./secret.ts";

/** One thing wrong in a configuration file, and where. */
export type ConfigFault = PlacedFault;

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
  return loadConfigParts(schema, [{ file, text }]);
}

/**
 * Checks several files that are one configuration together, see {@link joinParts}. `secrets`: what the references of `secretReferences` stand
 * for; one that is not there is a fault.
 */
export function loadConfigParts<S extends z.ZodType>(
  schema: S,
  parts: readonly ConfigPart[],
  secrets: Secrets = new Map(),
): Loaded<z.output<S>> {
  const joined = joinParts(parts);
  if (joined.faults.length > 0) return { faults: joined.faults };
  const { value, faults: missing } = putSecrets(schema, joined.value, secrets);
  // A configuration is read once: functions made for it would cost more than they save.
  const result = schema.safeParse(value, { jitless: true });
  if (result.success && missing.length === 0) return { config: result.data };
  const found = [
    ...missing.map(({ at, message }) => ({ at, atKey: false, message })),
    ...withoutEchoes(result.error?.issues ?? []).flatMap((issue) => describe(issue, schema, value)),
  ];
  const faults = found.map(({ at, atKey, message }) => ({
    ...joined.place(at, atKey),
    path: pathText(at),
    message,
  }));
  const order = new Map(parts.map(({ file }, index) => [file, index]));
  const rank = (fault: ConfigFault) => order.get(fault.file) ?? 0;
  return {
    faults: faults.toSorted((x, y) => rank(x) - rank(y) || x.line - y.line || x.column - y.column),
  };
}

interface Found {
  readonly at: readonly PropertyKey[];
  /** Point at the key, not at its value. */
  readonly atKey: boolean;
  readonly message: string;
}

/** Without what is said of the length of a value that is of another type anyway. */
function withoutEchoes(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  const misfits = issues
    .filter(({ code }) => code === "invalid_type")
    .map(({ path }) => pathText(path));
  return issues.filter(
    ({ code, path }) =>
      !(code === "too_big" || code === "too_small") || !misfits.includes(pathText(path)),
  );
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
  const expected = expectation(issue);
  // A fault within an expression says itself what it got there.
  if (isSecretPlace(schema, at, value)) return [{ at, atKey: false, message: expected }];
  const word = /\(at character \d+\)$/.test(expected) ? "in" : "got";
  const got = input === undefined ? "" : `, ${word} ${shown(input)}`;
  return [{ at, atKey: false, message: `${expected}${got}` }];
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
  // What stands before the host of an address may be a password.
  if (typeof value === "string") return `\`${value.replace(/(:\/\/)[^\s/]*@/g, "$1…@")}\``;
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
