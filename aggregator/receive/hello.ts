import { z } from "zod";
import type { HelloAnswer, HelloRequest } from "../../shared/protocol/answers.ts";
import { ENVELOPE_VERSION } from "../../shared/protocol/batch.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";
import { NAME_LENGTH_MAX } from "./check-envelope.ts";
import type { AgentStanding, Fence } from "./intake.ts";

/** An agent's name that another machine used this recently is not given away without `takeover`. */
export const ID_IN_USE_MS = 600_000;

const name = z
  .string()
  .min(1)
  .max(NAME_LENGTH_MAX)
  .refine((text) => text.isWellFormed(), { error: "is not valid Unicode" });

const helloSchema = z.strictObject({
  agent: name,
  machine: name,
  epoch: z.string().regex(/^[0-9a-f]{32}$/, { error: "is not 32 lower-case hex digits" }),
  takeover: z.boolean(),
  version: z.int().min(0),
});

/** Reads the body of a hello. */
export function parseHello(
  body: Buffer,
): { readonly hello: HelloRequest } | { readonly refusal: Refusal } {
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      refusal: {
        status: 400,
        code: "unreadable_body",
        detail: `The body is not JSON: ${reason}. Send it again.`,
      },
    };
  }
  const parsed = helloSchema.safeParse(value);
  const version: unknown =
    typeof value === "object" && value !== null ? Reflect.get(value, "version") : undefined;
  if (typeof version === "number" && version !== ENVELOPE_VERSION) {
    return {
      refusal: {
        status: 400,
        code: "unknown_version",
        detail: `Version ${version} is not known here; this aggregator takes version ${ENVELOPE_VERSION}.`,
      },
    };
  }
  if (parsed.success) return { hello: parsed.data };
  const faults = parsed.error.issues.map((issue) => ({
    parameter: issue.path.map(String).join("."),
    detail: issue.message,
  }));
  const first = faults[0];
  const detail = `The hello cannot be understood: ${first?.parameter} ${first?.detail}.`;
  return { refusal: { status: 400, code: "invalid_hello", detail, faults } };
}

/** What is to be done about a hello: answer it, make a fence first, or refuse it. */
export type HelloStep =
  | { readonly standing: AgentStanding }
  | { readonly fence: Fence }
  | { readonly refusal: Refusal };

/**
 * Decides about a hello by what stage 1 has committed. The epoch that holds the name already is answered again, so a hello may be repeated;
 * another one needs the next fence.
 */
export function decideHello(
  hello: HelloRequest,
  standing: AgentStanding | undefined,
  nowMs: number,
): HelloStep {
  const { epoch, machine } = hello;
  if (standing === undefined) return { fence: { number: 1, epoch, machine } };
  if (standing.epoch === epoch) return { standing };
  const agoMs = nowMs - standing.lastSeenMs;
  if (!hello.takeover && standing.machine !== machine && agoMs < ID_IN_USE_MS) {
    return {
      refusal: {
        status: 409,
        code: "id_in_use",
        detail:
          `The id ${JSON.stringify(hello.agent)} was used ${Math.max(0, Math.round(agoMs / 1000))} s ago by machine ` +
          `${JSON.stringify(standing.machine)}. Give this agent another id, or start it with takeover if it replaces the other.`,
      },
    };
  }
  return { fence: { number: standing.fenceNumber + 1, epoch, machine } };
}

/** The answer to a hello whose fence took effect. */
export function helloAnswer(standing: AgentStanding, logId: string): HelloAnswer {
  return {
    logId,
    known: standing.isKnown,
    mark: standing.markBefore,
    checkpoints: standing.checkpoints,
    ledger: standing.ledger,
  };
}
