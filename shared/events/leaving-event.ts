/** Events as they are asked about, and as they leave the host. */

import { SERVICE_OTHER } from "../aggregates/minute-windows.ts";
import type { ExpressionEvent } from "../expression/compile.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { levelAt, SERVICE_LENGTH_MAX } from "./event-fields.ts";
import { lineEvent } from "./line-event.ts";
import type { LineParser } from "./parser.ts";

/** How the text of an event is read. */
export interface TextMeaning {
  readonly parser: LineParser;
  readonly format: string;
  /** Service of events that name none. */
  readonly service: string;
}

/**
 * The event of a text of which the secrets were taken out before it was read: a parser may part a secret from the name that gives it away. Of
 * JSON the values are looked at one by one instead, with the names of their fields. Where nothing can be read any more there are no fields.
 */
export function redactedText(
  event: ExpressionEvent,
  text: Buffer,
  meaning: TextMeaning,
  redactor: Redactor,
): ExpressionEvent {
  if (!redactor.isActive || meaning.format === "json") return event;
  const line = text.toString("utf8");
  const redacted = redactor.redact(line);
  if (redacted === line) return event;
  const { parser, format, service } = meaning;
  const left =
    redacted === undefined ? undefined : lineEvent(parser, format, Buffer.from(redacted), service);
  return left === undefined ? { ...event, type: null, fields: {} } : { ...left, ts: event.ts };
}

/** {@link EventOptions.cutService} without secrets. */
export function serviceCutter(redactor: Redactor): (name: string) => string {
  return (name) => redactor.redactStart(name, SERVICE_LENGTH_MAX) ?? SERVICE_OTHER;
}

/** The event with these fields only, each without secrets. */
export function redactedFields(
  event: ExpressionEvent,
  names: readonly string[],
  redactor: Redactor,
): ExpressionEvent {
  if (!redactor.isActive) return event;
  const fields: [string, unknown][] = [];
  for (const name of names) {
    if (!Object.hasOwn(event.fields, name)) continue;
    const value = redactor.redactField(name, event.fields[name]);
    if (value !== undefined) fields.push([name, value]);
  }
  const type = event.type === null ? null : (redactor.redact(event.type) ?? null);
  return { ...event, type, fields: Object.fromEntries(fields) };
}

/** The event with its level by its name in LEVELS, however the line writes it. */
export function withLevel(event: ExpressionEvent, level: number): ExpressionEvent {
  return { ...event, fields: { ...event.fields, level: levelAt(level) } };
}
