/** The reference page of a configuration file, from the JSON Schema of its schema. */

/** A part of a JSON Schema. */
export type JsonSchema = Readonly<Record<string, unknown>>;

interface Row {
  readonly path: string;
  readonly expects: string;
  readonly fallback: string;
  readonly description: string;
}

/** A Markdown table of every setting, in the order of the schema; alternatives that are told apart by `type` follow each other. */
export function settingsTable(schema: JsonSchema): string {
  const rows: Row[] = [];
  addProperties(rows, schema, "");
  const lines = rows.map(
    ({ path, expects, fallback, description }) =>
      `| \`${path}\` | ${cell(expects)} | ${cell(fallback)} | ${cell(description)} |`,
  );
  return ["| setting | takes | default | |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

function addProperties(rows: Row[], schema: JsonSchema, prefix: string): void {
  const required = Array.isArray(schema["required"]) ? schema["required"] : [];
  for (const [name, found] of Object.entries(object(schema["properties"]))) {
    const property = object(found);
    const path = `${prefix}${name}`;
    rows.push(rowOf(path, property, required.includes(name)));
    addBelow(rows, property, path);
  }
}

function addBelow(rows: Row[], schema: JsonSchema, path: string): void {
  if (schema["properties"] !== undefined) addProperties(rows, schema, `${path}.`);
  const items = schema["items"];
  if (items === undefined) return;
  const entry = object(items);
  for (const choice of choicesOf(entry) ?? [entry]) {
    if (choice["properties"] === undefined) continue;
    const type = object(object(choice["properties"])["type"])["const"];
    const mark = typeof type === "string" && choicesOf(entry) !== undefined ? `[${type}]` : "[]";
    addProperties(rows, choice, `${path}${mark}.`);
  }
}

function choicesOf(schema: JsonSchema): JsonSchema[] | undefined {
  const choices = schema["oneOf"] ?? schema["anyOf"];
  return Array.isArray(choices) ? choices.map(object) : undefined;
}

function rowOf(path: string, schema: JsonSchema, isRequired: boolean): Row {
  const { default: fallback, description } = schema;
  const shown = fallback === undefined ? "" : `\`${JSON.stringify(fallback)}\``;
  const examples = schema["examples"];
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined;
  const example = first === undefined ? "" : ` Such as \`${JSON.stringify(first)}\`.`;
  return {
    path,
    expects: expectation(schema),
    fallback: isRequired && fallback === undefined ? "required" : shown,
    description: `${typeof description === "string" ? description : ""}${example}`,
  };
}

function expectation(schema: JsonSchema): string {
  if (Array.isArray(schema["enum"])) return schema["enum"].map((v) => `\`${v}\``).join(", ");
  if (schema["const"] !== undefined)
    return `\`${JSON.stringify(schema["const"]).replaceAll('"', "")}\``;
  const choices = choicesOf(schema);
  if (choices !== undefined) return [...new Set(choices.map(expectation))].join(" or ");
  const { type, pattern, minimum, maximum } = schema;
  if (type === "array") return `list of ${expectation(object(schema["items"]))}`;
  if (type === "string" && typeof pattern === "string") {
    if (pattern.includes("KiB")) return "size";
    if (pattern.includes("ms|s|m")) return "duration";
  }
  if (type === "integer" || type === "number") return `number${rangeText(minimum, maximum)}`;
  if (type === "object") return "keys and values";
  return type === "string" ? "text" : type === "boolean" ? "true or false" : "any value";
}

function rangeText(minimum: unknown, maximum: unknown): string {
  const from = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER;
  const to = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER;
  if (from && to) return ` from ${minimum} to ${maximum}`;
  return from ? ` from ${minimum}` : to ? ` to ${maximum}` : "";
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

function object(value: unknown): JsonSchema {
  return typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value))
    : {};
}
