/**
 * Secrets in a configuration file: a setting that is one may name where it stands instead of saying it. `${NAME}` is a variable of the
 * environment, `file:PATH` the content of a file, `credential:NAME` one that the service manager hands over (systemd's LoadCredential).
 */
import { join } from "node:path";
import { z } from "zod";
import { systemCode, systemReason } from "../errors.ts";
import type { Disk } from "../platform/disk.ts";
import { readWholeFile } from "../platform/read-whole-file.ts";
import { isPlaceWith } from "./known-keys.ts";

const MARK = "secret";
const ENVIRONMENT = /^\$\{([A-Za-z_][A-Za-z0-9_]*)\}$/;
const FILE = /^file:(.+)$/;
const CREDENTIAL = /^credential:([A-Za-z0-9_.-]+)$/;
const SECRET_BYTES_MAX = 64 * 1024;

/** A setting that is a secret; the parsed value is the secret itself. */
export function secret(description: string, more: { readonly examples?: string[] } = {}) {
  return z
    .string()
    .min(1)
    .meta({
      description: `${description} A text, or where it stands: \`\${NAME}\`, \`file:PATH\` or \`credential:NAME\`.`,
      [MARK]: true,
      ...more,
    });
}

/** True when the schema takes a secret at a place of a value. */
export function isSecretPlace(
  schema: z.ZodType,
  path: readonly PropertyKey[],
  value: unknown,
): boolean {
  return isPlaceWith(MARK, { schema, path, value });
}

/** What references stand for; one that could not be had comes with the reason. */
export type Secrets = ReadonlyMap<
  string,
  { readonly value: string } | { readonly missing: string }
>;

interface Reference {
  readonly at: readonly PropertyKey[];
  readonly text: string;
}

/** The references in a value, each where the schema takes a secret. */
export function secretReferences(schema: z.ZodType, value: unknown): readonly string[] {
  return [...new Set(find(schema, value).map(({ text }) => text))];
}

/** The files that references name. */
export function secretFiles(references: readonly string[]): readonly string[] {
  return references.flatMap((text) => FILE.exec(text)?.[1] ?? []);
}

/** The value with its secrets put in, and those that are missing. */
export function putSecrets(
  schema: z.ZodType,
  value: unknown,
  secrets: Secrets,
): {
  readonly value: unknown;
  readonly faults: readonly { readonly at: readonly PropertyKey[]; readonly message: string }[];
} {
  const faults: { at: readonly PropertyKey[]; message: string }[] = [];
  let put = value;
  for (const { at, text } of find(schema, value)) {
    const found = secrets.get(text);
    if (found !== undefined && "value" in found) put = withValue(put, at, found.value);
    else faults.push({ at, message: found?.missing ?? `the secret \`${text}\` was not looked up` });
  }
  return { value: put, faults };
}

/** Looks references up; never fails: what cannot be had says why. */
export async function lookUpSecrets(
  references: readonly string[],
  places: {
    readonly disk: Disk;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
): Promise<Secrets> {
  const secrets = new Map<string, { value: string } | { missing: string }>();
  for (const text of references) secrets.set(text, await lookUp(text, places));
  return secrets;
}

async function lookUp(
  text: string,
  places: {
    readonly disk: Disk;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
): Promise<{ value: string } | { missing: string }> {
  const { environment, disk } = places;
  const name = ENVIRONMENT.exec(text)?.[1];
  if (name !== undefined) {
    const value = environment[name] ?? "";
    return value === "" ? { missing: `the environment has no variable \`${name}\`` } : { value };
  }
  const credential = CREDENTIAL.exec(text)?.[1];
  const folder = environment["CREDENTIALS_DIRECTORY"];
  if (credential !== undefined && folder === undefined) {
    return {
      missing: `there are no credentials: expected LoadCredential=${credential}:… in the unit`,
    };
  }
  const path =
    credential === undefined ? (FILE.exec(text)?.[1] ?? "") : join(folder ?? "", credential);
  try {
    const value = (await readWholeFile(disk, path, SECRET_BYTES_MAX)).toString("utf8").trimEnd();
    return value === "" ? { missing: `${path} is empty` } : { value };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return { missing: `${path} cannot be read: ${systemReason(error)}` };
  }
}

function find(schema: z.ZodType, value: unknown): Reference[] {
  const found: Reference[] = [];
  const walk = (current: unknown, at: readonly PropertyKey[]) => {
    if (typeof current === "string") {
      if (!isReference(current) || !isPlaceWith(MARK, { schema, path: at, value })) return;
      found.push({ at, text: current });
    } else if (Array.isArray(current)) {
      for (const [index, entry] of current.entries()) walk(entry, [...at, index]);
    } else if (typeof current === "object" && current !== null) {
      for (const [key, entry] of Object.entries(current)) walk(entry, [...at, key]);
    }
  };
  walk(value, []);
  return found;
}

function isReference(text: string): boolean {
  return ENVIRONMENT.test(text) || FILE.test(text) || CREDENTIAL.test(text);
}

function withValue(value: unknown, at: readonly PropertyKey[], put: string): unknown {
  const [key, ...rest] = at;
  if (key === undefined) return put;
  if (Array.isArray(value)) {
    return value.map((entry: unknown, index) =>
      index === key ? withValue(entry, rest, put) : entry,
    );
  }
  if (typeof value !== "object" || value === null) return value;
  return { ...value, [key]: withValue(Reflect.get(value, key), rest, put) };
}
