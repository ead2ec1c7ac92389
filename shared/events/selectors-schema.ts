/** Checks of selectors where they come from another process, a file or a configuration: only what can be used is taken. */
import { z } from "zod";
import { checkExpression } from "../expression/check.ts";
import { parseExpression } from "../expression/parse.ts";
import { EVENT_FIELDS_MAX, EVENT_NAME_LENGTH_MAX } from "../protocol/event-limits.ts";
import { REVISION, type Selectors } from "../protocol/selected-event.ts";

const STREAMS_MAX = 1000;
const KEYS_MAX = 256;
const CONDITIONS_MAX = 4096;

/** The name of a stream or a field. */
export const eventName = z
  .string()
  .min(1)
  .max(EVENT_NAME_LENGTH_MAX)
  .refine((name) => name.isWellFormed(), { error: "expected valid Unicode" });

/** A condition on one event. */
export const eventCondition = z.string().superRefine((text, context) => {
  const { expression, fault } = parseExpression(text);
  const faults = expression === undefined ? [fault] : checkExpression(expression, { stages: [] });
  for (const { offset, message } of faults) {
    context.addIssue({ code: "custom", message: `${message} (at character ${offset + 1})` });
  }
});

/** Names of the fields that travel. */
export const eventFields = z.array(eventName).max(EVENT_FIELDS_MAX);

const selectorSchema = z.strictObject({
  stream: eventName,
  keys: z.array(eventName).max(KEYS_MAX),
  where: z.array(eventCondition).max(CONDITIONS_MAX),
  fields: eventFields,
});

/** Checks {@link Selectors}. */
export const selectorsSchema = z.strictObject({
  revision: z.string().regex(REVISION, { error: "expected at most 64 hex digits" }),
  selectors: z
    .array(selectorSchema)
    .max(STREAMS_MAX)
    .refine((list) => new Set(list.map(({ stream }) => stream)).size === list.length, {
      error: "expected one selector per stream",
    }),
}) satisfies z.ZodType<Selectors>;
