/** What people do to alerts, and what the program sees of itself. Each is an entry of the log, so that it takes effect at one place among all that happens, whatever crashes. */
import { z } from "zod";
import { silenceRequestSchema } from "./silence.ts";

const who = { by: z.string(), operationId: z.string() };

/** An operation as it stands in the log. */
export const operationSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("acknowledge"), ...who, alert: z.string(), comment: z.string() }),
  z.object({
    kind: z.literal("silence"),
    ...who,
    silence: silenceRequestSchema,
    /** Of a new silence. */
    newId: z.string(),
  }),
  z.object({ kind: z.literal("expire"), ...who, silence: z.string() }),
  z.object({
    kind: z.literal("sample"),
    /** Who it is about. */
    key: z.string(),
    /** How long it was looked at. */
    widthMs: z.number(),
    fields: z.record(z.string(), z.number().nullable()),
  }),
  z.object({
    kind: z.literal("agents"),
    /** How long they were looked at. */
    widthMs: z.number(),
    /** By agent: for how many seconds nothing came of it. */
    silent: z.record(z.string(), z.number()),
  }),
]);

/** See {@link operationSchema}. */
export type AnyOperation = z.output<typeof operationSchema>;

/** What a person does. */
export type Operation = Exclude<AnyOperation, { readonly kind: "sample" | "agents" }>;

/** What the program sees of itself. */
export type SelfSample = Extract<AnyOperation, { readonly kind: "sample" }>;

/** What it sees of agents that are silent, or were and are back. */
export type AgentsSample = Extract<AnyOperation, { readonly kind: "agents" }>;

/** States whether the JSON of an operation says what the program sees, and not what a person did. */
export function isLook(json: string): boolean {
  const operation = operationSchema.safeParse(JSON.parse(json));
  return operation.success && LOOKS.includes(operation.data.kind);
}

const LOOKS: readonly AnyOperation["kind"][] = ["sample", "agents"];

/** What the result of an operation says that took effect. */
export const DONE = "done";

/** What was changed, by whom, and when by the log's clock. */
export const auditSchema = z.object({
  at: z.string(),
  by: z.string(),
  action: z.string(),
  target: z.string(),
  detail: z.string(),
  /** `done`, or why nothing was. */
  result: z.string(),
  operationId: z.string(),
});

/** See {@link auditSchema}. */
export type AuditEntry = z.output<typeof auditSchema>;
