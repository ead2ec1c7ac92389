import { z } from "zod";
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

/** Event times as text name their zone; without one the same file would mean different times on different hosts. */
const ZONED_TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s?(Z|[+-]\d{2}:?\d{2})$/;
const TYPE_NAMES = ["type", "eventType", "event_type"] as const;
const TIME_NAMES = ["ts", "timestamp", "@timestamp", "time"] as const;

/**
 * The event that a parsed line of JSON holds: with `fields` in an object of their own, or flat, as producers of business events write them
 * (`{"timestamp": "…Z", "eventType": "LOGIN", "userId": "u1"}`; the first of `type`, `eventType`, `event_type` is the type). `lineNumber` is its id when it names none. A text says why it is none.
 */
export function readEvent(value: unknown, lineNumber: number): CepEvent | string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return "not_an_object";
  if ("fields" in value) {
    const golden = goldenEvent.safeParse(value);
    if (golden.success) return { ...golden.data, id: golden.data.id ?? lineNumber };
  }
  const fields: Record<string, unknown> = { ...value };
  const timeName = TIME_NAMES.find((name) => Object.hasOwn(fields, name));
  if (timeName === undefined) return "no_time";
  const ts = readTime(fields[timeName]);
  if (ts === undefined) return "bad_time";
  const { id, key } = fields;
  const type = TYPE_NAMES.map((name) => fields[name]).find((value) => typeof value === "string");
  return {
    id: typeof id === "string" || typeof id === "number" ? id : lineNumber,
    ts,
    key: typeof key === "string" || typeof key === "number" ? String(key) : null,
    type: typeof type === "string" ? type : null,
    fields,
  };
}

function readTime(value: unknown): number | undefined {
  if (typeof value === "number") {
    return Math.abs(value) <= TIME_MS_MAX ? Math.floor(value) : undefined;
  }
  if (typeof value !== "string" || !ZONED_TIME.test(value)) return undefined;
  const ms = Date.parse(value.replace(",", ".").replace(/\s(?=Z|[+-]\d{2}:?\d{2}$)/, ""));
  return Number.isNaN(ms) ? undefined : ms;
}
