import { eventOfFields } from "../../shared/events/event-shape.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Hole, SelectedEvent } from "../../shared/protocol/selected-event.ts";
import { keyPart, numberPart, timePart } from "../state/keys.ts";

/** An event on its way to the rules that part their stream by one field. */
export interface KeyedEvent {
  readonly tenant: string;
  readonly agent: string;
  /** Name of the field; undefined for rules that see all events of the stream together. */
  readonly keyField: string | undefined;
  /** The field's value; null without a field. */
  readonly key: Value;
  readonly event: SelectedEvent;
}

/** A gap in a stream, of which every partition hears. */
export interface KeyedHole {
  readonly tenant: string;
  readonly hole: Hole;
}

/**
 * The place of an event in the order of events: texts sort like (time, agent, source, file, generation, offset, index), since the spaces between
 * them sort before everything that a name can hold. No two events have the same, so it is also the event's id.
 */
export function placeOfEvent(agent: string, event: SelectedEvent): string {
  const { timeMs, source, file, generation, offset, index } = event;
  const names = `${keyPart(agent)} ${keyPart(source)}`;
  return `${timePart(timeMs)} ${names} ${[file, generation, offset, index].map(numberPart).join(" ")}`;
}

/** An event as expressions see it; `id` is that of its fields, else its place. */
export function expressionEvent(
  { timeMs, type, fields }: Pick<SelectedEvent, "timeMs" | "type" | "fields">,
  id: string,
): ExpressionEvent {
  return { ...eventOfFields(fields, timeMs, id), type };
}
