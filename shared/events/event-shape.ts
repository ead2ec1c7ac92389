/**
 * What an event is to rules, the same for events that agents select from lines and for those that `rules run` reads from a file: `fields`
 * are what the line says at its top level, and some of them have a meaning of their own.
 */
import type { ExpressionEvent } from "../expression/compile.ts";

/** Names of the event's type: the first that is text. */
const TYPE_NAMES = ["type", "eventType", "event_type"] as const;

/** Names of the event's time, in the order in which they are tried: those of lines in JSON, unless a source says otherwise. */
export const EVENT_TIME_NAMES = ["timestamp", "@timestamp", "time", "ts"] as const;

/** The event with these fields; `id` names it when the fields do not. */
export function eventOfFields(
  fields: Readonly<Record<string, unknown>>,
  ts: number,
  id: number | string,
): ExpressionEvent {
  const { id: ownId, key } = fields;
  return {
    id: typeof ownId === "string" || typeof ownId === "number" ? ownId : id,
    ts,
    key: typeof key === "string" || typeof key === "number" ? String(key) : null,
    type: typeOf(fields),
    fields,
  };
}

function typeOf(fields: Readonly<Record<string, unknown>>): string | null {
  for (const name of TYPE_NAMES) {
    const type = fields[name];
    if (typeof type === "string") return type;
  }
  return null;
}
