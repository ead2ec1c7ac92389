/** The schemas of which the OpenAPI document is made. */
import { z } from "zod";
import { problemTitles } from "../../shared/protocol/http-answer.ts";
import { ALERT_STATES } from "../alerts/alert-record.ts";
import { auditSchema } from "../alerts/operation.ts";
import { silenceRequestSchema, silenceSchema } from "../alerts/silence.ts";

/** JSON as it stands in the document. */
export type Json = Readonly<Record<string, unknown>>;

/** A text that is not empty. */
export const text = (examples: readonly string[] = []): Json =>
  examples.length === 0
    ? { type: "string", minLength: 1 }
    : { type: "string", minLength: 1, examples };
/** A time. */
export const instant: Json = { type: "string", format: "date-time" };
/** A whole number from 0. */
export const count: Json = { type: "integer", minimum: 0 };
/** A number. */
export const amount: Json = { type: "number" };
/** Or nothing. */
export const nullable = (schema: Json): Json => ({ anyOf: [schema, { type: "null" }] });
/** A list. */
export const list = (items: Json): Json => ({ type: "array", items });
/** An object whose keys are all there, but for those named. */
export const object = (
  properties: Readonly<Record<string, Json>>,
  optional: readonly string[] = [],
): Json => ({
  type: "object",
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
});
/** One of {@link apiSchemas}. */
export const named = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** Texts by name. */
export const stringMap: Json = { type: "object", additionalProperties: { type: "string" } };

/** What operations share, by name. */
export const apiSchemas: Readonly<Record<string, Json>> = {
  Alert: object(
    {
      id: text(),
      alertType: text(["HIGH_ERROR_RATE_OR_LATENCY"]),
      service: {},
      stream: text(),
      message: { type: "string" },
      timestamp: instant,
      severity: { type: "string", enum: ["info", "warning", "critical"] },
      state: { type: "string", enum: ALERT_STATES },
      revision: count,
      startsAt: instant,
      updatedAt: instant,
      resolvedAt: instant,
      resolveReason: { type: "string" },
      acknowledged: object({ by: text(), at: instant, comment: { type: "string" } }),
      suppressed: object({ silencedBy: list(text()), inhibitedBy: list(text()) }),
      labels: stringMap,
      late: { type: "boolean" },
      details: { type: "object", additionalProperties: true },
    },
    [
      ...["service", "stream", "startsAt", "updatedAt", "resolvedAt", "resolveReason"],
      ...["acknowledged", "suppressed", "labels", "late", "state", "revision"],
    ],
  ),
  AuditEntry: schemaOf(auditSchema),
  Problem: object(
    {
      type: text(),
      title: text(),
      status: count,
      detail: text(),
      code: { type: "string", enum: Object.keys(problemTitles).toSorted() },
      faults: list(object({ parameter: { type: "string" }, detail: { type: "string" } })),
    },
    ["code", "faults"],
  ),
  Silence: schemaOf(
    z.object({ ...silenceSchema.shape, status: z.enum(["active", "pending", "expired"]) }),
  ),
  SilenceRequest: schemaOf(silenceRequestSchema),
  Window: object(
    {
      stream: text(),
      service: text(),
      windowStart: instant,
      windowEnd: instant,
      requestCount: count,
      errorCount: count,
      errorRate: amount,
      avgLatency: nullable(amount),
      latency: nullable(
        object({ min: amount, p50: amount, p95: amount, p99: amount, max: amount }),
      ),
      levels: { type: "object", additionalProperties: count },
      dimensions: stringMap,
      state: { type: "string", enum: ["provisional", "final", "corrected"] },
      revision: count,
      folded: { type: "boolean" },
      contributors: list(object({ agent: text(), requestCount: count, errorCount: count })),
    },
    ["folded", "contributors"],
  ),
};

function schemaOf(schema: z.ZodType): Json {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io: "input" });
  return { ...rest };
}
