/** InfluxDB's line protocol (https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/). */

/** The value of a field: text, or a number with the type that it is stored as. */
export type FieldValue = string | { readonly integer: number } | { readonly float: number };

/** One point. */
export interface Point {
  readonly measurement: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly fields: Readonly<Record<string, FieldValue>>;
  readonly timestampMs: number;
}

/**
 * Why a tag's value cannot be written, or undefined when it can. The protocol has no escape for a line end or a backslash, so that a
 * backslash before what must be escaped, or at the end, would give another value; and an empty value is no tag.
 */
export function tagFault(value: string): string | undefined {
  if (value === "") return "it is empty";
  if (/[\r\n]/.test(value)) return "it has a line end";
  if (/\\(?:[,= ]|$)/.test(value))
    return "it has a backslash before a comma, a space, = or its end";
  return undefined;
}

/** A point as a line without its end, the time in milliseconds. Tags must have no {@link tagFault}; they are sorted, as the store likes them. */
export function pointLine(point: Point): string {
  const tags = Object.entries(point.tags)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `,${escapeKey(name)}=${escapeKey(value)}`);
  const fields = Object.entries(point.fields).map(
    ([name, value]) => `${escapeKey(name)}=${fieldText(value)}`,
  );
  const measurement = point.measurement.replace(/[, ]/g, "\\$&");
  return `${measurement}${tags.join("")} ${fields.join(",")} ${point.timestampMs}`;
}

function escapeKey(text: string): string {
  return text.replace(/[,= ]/g, "\\$&");
}

function fieldText(value: FieldValue): string {
  if (typeof value === "string") return `"${value.replace(/["\\]/g, "\\$&")}"`;
  return "integer" in value ? `${value.integer}i` : String(value.float);
}
