import { z } from "zod";
import { EVENT_TIME_NAMES, eventOfFields } from "../../shared/events/event-shape.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";

/** Some centuries below the latest `Date`, so that what a rule adds to a time is still one. */
const TIME_MS_MAX = 8.6e15;

const simpleText = z
  .union([z.string(), z.number(), z.boolean()])
  .nullish()
  .transform((value) => (value === null || value === undefined ? null : String(value)));

const goldenEvent = z.object({
  id: z.union([z.int(), z.string()]).optional(),
  ts: z.int().min(-TIME_MS_MAX).max(TIME_MS_MAX),
  key: simpleText,
  type: simpleText,
  fields: z.record(z.string(), z.unknown()),
});

/** An event as `tailrace parse` writes it. */
const parsedEvent = z.strictObject({
  time: z.iso.datetime(),
  stream: z.string(),
  service: z.string(),
  level: z.string(),
  message: z.string().nullable(),
  duration: z.number().nullable(),
  fields: z.record(z.string(), z.unknown()),
});

/** Event times as text name their zone; without one the same file would mean different times on different hosts. */
const ZONED_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})$/;

/**
 * The event that a parsed line of JSON holds: with `fields` in an object of their own, as `tailrace parse` writes those of any format, or
 * flat, as producers of business events write them (`{"timestamp": "…Z", "eventType": "LOGIN", "userId": "u1"}`; see `event-shape.ts`). `lineNumber` is its id when it names none. A text says
 * why it is none.
 */
export function readEvent(value: unknown, lineNumber: number): CepEvent | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "not_an_object";
  if ("fields" in value) {
    const golden = goldenEvent.safeParse(value);
    if (golden.success) return { ...golden.data, id: golden.data.id ?? lineNumber };
    const parsed = parsedEvent.safeParse(value);
    if (parsed.success) {
      const { time, stream: _, fields: own, ...derived } = parsed.data;
      // As agents see lines: a field of the line's own goes before what is derived from it.
      return eventOfFields({ ...derived, ...own }, Date.parse(time), lineNumber);
    }
  }
  const fields: Record<string, unknown> = { ...value };
  // As for agents, null is as good as absent.
  const timeName = EVENT_TIME_NAMES.find((name) => (fields[name] ?? undefined) !== undefined);
  if (timeName === undefined) return "no_time";
  const ts = readTime(fields[timeName]);
  return ts === undefined ? "bad_time" : eventOfFields(fields, ts, lineNumber);
}

function readTime(value: unknown): number | undefined {
  if (typeof value === "number") {
    return Math.abs(value) <= TIME_MS_MAX ? Math.floor(value) : undefined;
  }
  if (typeof value !== "string" || !ZONED_TIME.test(value)) return undefined;
  const ms = Date.parse(value.replace(",", ".").replace(/\s(?=Z|[+-]\d{2}:?\d{2}$)/, ""));
  return Number.isNaN(ms) ? undefined : ms;
}
