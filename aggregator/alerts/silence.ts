/** Silences, in Alertmanager's words: alerts whose labels fit all matchers notify nobody between two times of the log's clock. */
import { z } from "zod";
import { type Labels, matcherSchema, matches, storedMatcherSchema } from "./matchers.ts";

const text = () => z.string().min(1).max(1_024);

/** A silence as it is stored and shown. */
export const silenceSchema = z.strictObject({
  id: z.string(),
  matchers: z.array(storedMatcherSchema),
  startsAt: z.string(),
  endsAt: z.string(),
  createdBy: z.string(),
  comment: z.string(),
  updatedAt: z.string(),
});

/** See {@link silenceSchema}. */
export type Silence = z.output<typeof silenceSchema>;

/** What a person says to make one, or with an `id` to change one. */
export const silenceRequestSchema = z
  .strictObject({
    id: text().optional(),
    matchers: z.array(matcherSchema).min(1).max(64),
    startsAt: z.iso.datetime({ offset: true }).optional(),
    endsAt: z.iso.datetime({ offset: true }),
    createdBy: text(),
    comment: text(),
  })
  .check(({ value, issues }) => {
    // As in Alertmanager: what fits everything is a slip of the hand.
    if (!value.matchers.every((matcher) => matches([matcher], {}))) return;
    const message = "expected a matcher that does not fit an absent label";
    issues.push({ code: "custom", message, path: ["matchers"], input: value });
  });

/** See {@link silenceRequestSchema}. */
export type SilenceRequest = z.output<typeof silenceRequestSchema>;

/** Where a silence stands. */
export type SilenceStatus = "pending" | "active" | "expired";

/** Where a silence stands at a time of the log's clock. */
export function silenceStatus(silence: Silence, nowMs: number): SilenceStatus {
  if (nowMs >= Date.parse(silence.endsAt)) return "expired";
  return nowMs >= Date.parse(silence.startsAt) ? "active" : "pending";
}

/** When a silence next begins or ends after `nowMs`; undefined: never. */
export function silenceTurnMs(silence: Silence, nowMs: number): number | undefined {
  const [startMs, endMs] = [Date.parse(silence.startsAt), Date.parse(silence.endsAt)];
  if (nowMs < startMs) return startMs;
  return nowMs < endMs ? endMs : undefined;
}

/** Ids of the silences that keep an alert quiet, sorted. */
export function silencesOf(labels: Labels, silences: Iterable<Silence>, nowMs: number): string[] {
  const ids: string[] = [];
  for (const silence of silences) {
    if (silenceStatus(silence, nowMs) !== "active") continue;
    if (matches(silence.matchers, labels)) ids.push(silence.id);
  }
  return ids.toSorted();
}
