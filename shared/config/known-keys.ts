import { z } from "zod";

/** Names of the keys that `schema` knows at `path`; where alternatives are told apart by a key, those of the alternative that `value` names. */
export function knownKeys(
  schema: z.ZodType,
  path: readonly PropertyKey[],
  value: unknown,
): string[] {
  const keys = schemasAt(schema, path, value).flatMap((place) =>
    Object.keys(record(field(place, "properties"))),
  );
  return [...new Set(keys)];
}

/** Values that tell the alternatives apart at `path`, whose last part is the key that does, such as the types of sinks at `sinks[0].type`. */
export function knownValues(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  const key = String(path.at(-1));
  return schemasAt(schema, path.slice(0, -1), undefined)
    .map((place) => field(field(field(place, "properties"), key), "const"))
    .filter((value) => value !== undefined)
    .map(String);
}

/** True when the schema at `path` is marked with `mark` in its metadata. */
export function isPlaceWith(
  mark: string,
  {
    schema,
    path,
    value,
  }: {
    readonly schema: z.ZodType;
    readonly path: readonly PropertyKey[];
    readonly value: unknown;
  },
): boolean {
  return schemasAt(schema, path, value).some((place) => field(place, mark) === true);
}

function schemasAt(schema: z.ZodType, path: readonly PropertyKey[], value: unknown): unknown[] {
  const root: unknown = z.toJSONSchema(schema, {
    io: "input",
    unrepresentable: "any",
    reused: "inline",
  });
  let places: unknown[] = [root];
  let current = value;
  for (const key of path) {
    places = places
      .flatMap((place) => alternatives(place, current))
      .flatMap((place) => childSchemas(place, key));
    current =
      typeof current === "object" && current !== null ? Reflect.get(current, key) : undefined;
  }
  return places.flatMap((place) => alternatives(place, current));
}

function alternatives(schema: unknown, value: unknown): unknown[] {
  const choices = field(schema, "oneOf") ?? field(schema, "anyOf");
  if (!Array.isArray(choices)) return [schema];
  const type = field(value, "type");
  const named = choices.filter(
    (choice) => field(field(field(choice, "properties"), "type"), "const") === type,
  );
  return (named.length > 0 ? named : choices).flatMap((choice) => alternatives(choice, value));
}

function childSchemas(schema: unknown, key: PropertyKey): unknown[] {
  const child =
    typeof key === "number"
      ? field(schema, "items")
      : (field(field(schema, "properties"), String(key)) ?? field(schema, "additionalProperties"));
  return typeof child === "object" && child !== null ? [child] : [];
}

function field(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
}

function record(value: unknown): object {
  return typeof value === "object" && value !== null ? value : {};
}
