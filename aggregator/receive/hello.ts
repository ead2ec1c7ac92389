import { z } from "zod";
import type { AgentMark, HelloAnswer, HelloRequest } from "../../shared/protocol/answers.ts";
import { ENVELOPE_VERSION, isKnownVersion } from "../../shared/protocol/batch.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";
import { REVISION, type Selectors } from "../../shared/protocol/selected-event.ts";
import { NAME_LENGTH_MAX } from "./check-envelope.ts";
import type { AgentStanding, Fence, FenceVerdict } from "./intake.ts";

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
  isPatient: z.boolean().optional(),
  version: z.int().min(0),
  selectorRevision: z.string().regex(REVISION, { error: "is not hex digits" }).optional(),
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
  if (typeof version === "number" && !isKnownVersion(version)) {
    return {
      refusal: {
        status: 400,
        code: "unknown_version",
        detail: `Version ${version} is not known here; this aggregator takes versions up to ${ENVELOPE_VERSION}.`,
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

/** What is to be done about a hello: a fence is to be appended, or it is refused. */
export type HelloStep = { readonly fence: Fence } | { readonly refusal: Refusal };

/**
 * Decides about a hello by what stage 1 has committed of the agent. The epoch that holds the name already gets a fence, too: it changes
 * nothing, and brings the answer again. A patient hello takes the name only from a spool that is silent, on this machine as on any other.
 */
export function decideHello(
  hello: HelloRequest,
  standing: AgentStanding | undefined,
  nowMs: number,
): HelloStep {
  const { epoch, machine, isPatient = false } = hello;
  const fence = { number: (standing?.fenceNumber ?? 0) + 1, epoch, machine };
  if (standing === undefined || standing.epoch === epoch) return { fence };
  const agoMs = nowMs - standing.seenMs;
  const isOwnMachine = standing.machine === machine && !isPatient;
  if (hello.takeover || isOwnMachine || agoMs >= ID_IN_USE_MS) return { fence };
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

/** What answers to agents hold beside stage 1's word. */
export interface AnswerParts {
  readonly logId: string;
  /** What agents are to select now. */
  readonly selectors: Selectors;
}

/** The part of an answer that hands selectors out: nothing to an agent that has them, or that knows of none (`revision` undefined). */
export function newSelectors(
  selectors: Selectors,
  revision: string | undefined,
): { readonly selectors?: Selectors } {
  return revision === undefined || revision === selectors.revision ? {} : { selectors };
}

/** The answer to a hello by its fence's verdict; undefined when another one came first and it must be decided anew. */
export function answerHello(
  hello: HelloRequest,
  word: FenceVerdict,
  { logId, selectors }: AnswerParts,
): { readonly answer: HelloAnswer } | { readonly refusal: Refusal } | undefined {
  if (word.verdict === "lost") return undefined;
  if (word.verdict === "taken") {
    const news = newSelectors(selectors, hello.selectorRevision);
    return { answer: { logId, ...word.snapshot, ...news } };
  }
  return { refusal: fencedRefusal(hello, undefined) };
}

/** The refusal of an epoch that another one took the name from. */
export function fencedRefusal(
  whose: { readonly agent: string; readonly epoch: string },
  mark: AgentMark | undefined,
): Refusal {
  return {
    status: 410,
    code: "fenced",
    detail:
      `The epoch ${whose.epoch} of agent ${JSON.stringify(whose.agent)} is over: another spool took the name. ` +
      "Stop one of the two, or give it another id.",
    mark,
  };
}
