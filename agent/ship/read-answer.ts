/** What an aggregator's answers mean, whatever came: a proxy may have answered instead, or the body may be cut. */
import { z } from "zod";
import { selectorsSchema } from "../../shared/events/selectors-schema.ts";
import type { HttpResponse } from "../../shared/platform/network.ts";
import type { BatchesAnswer, HelloAnswer } from "../../shared/protocol/answers.ts";
import { checkpointSchema, ledgerEntrySchema } from "../../shared/protocol/checkpoint-schema.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";

/** The records of a request went well. */
export interface Accepted {
  readonly kind: "accepted";
  readonly answer: BatchesAnswer;
  /** Why the selectors of the answer cannot be used: it is as if there were none. */
  readonly selectorFault?: string | undefined;
}

/** A hello went well. */
export interface Welcome {
  readonly kind: "welcome";
  readonly answer: HelloAnswer;
  readonly selectorFault?: string | undefined;
}

/** Anything else. */
export interface Refused {
  readonly kind: "refused";
  /** 0 when no whole answer came. */
  readonly status: number;
  /** The problem's code; undefined when the body is no problem+json of an aggregator. */
  readonly code: string | undefined;
  readonly detail: string;
  /** The record that a `malformed_batch` names. */
  readonly sequence: number | undefined;
  /** The epoch that has the agent's name, as far as the refusal tells. */
  readonly holder: string | undefined;
  /** Not before so many milliseconds; 0 when nothing was said. */
  readonly retryAfterMs: number;
}

const RETRY_AFTER_MS_MAX = 10 * 60_000;
const count = z.int().min(0);
const outcomes = z.enum(["applied", "duplicate", "diverged", "fenced"]);

const batchesAnswerSchema = z.object({
  accepted: count,
  applied: count,
  appliedDigest: z.string(),
  outcomes: z.array(z.object({ sequence: count, outcome: outcomes })),
  throttleMs: z.number().min(0),
  logId: z.string().min(1),
  selectors: z.unknown().optional(),
});

const markSchema = z.object({ epoch: z.string(), sequence: count, digest: z.string() });

const helloAnswerSchema = z
  .object({
    logId: z.string().min(1),
    known: z.boolean(),
    mark: markSchema.nullish(),
    checkpoints: z.array(checkpointSchema),
    ledger: z.array(ledgerEntrySchema),
    selectors: z.unknown().optional(),
  })
  .transform((found) => ({ ...found, mark: found.mark ?? undefined }));

const problemSchema = z.object({
  code: z.string(),
  detail: z.string().optional(),
  title: z.string().optional(),
  sequence: count.optional(),
  mark: z.object({ epoch: z.string() }).optional(),
});

/** The meaning of an answer to `POST /v1/batches`. */
export function readBatchesAnswer(response: HttpResponse): Accepted | Refused {
  if (response.status !== 200) return readRefusal(response);
  const parsed = batchesAnswerSchema.safeParse(json(response.body));
  if (parsed.success) {
    const { selectors, fault } = readSelectors(parsed.data.selectors);
    return { kind: "accepted", answer: { ...parsed.data, selectors }, selectorFault: fault };
  }
  return unreadable(response);
}

/** The meaning of an answer to `POST /v1/hello`. */
export function readHelloAnswer(response: HttpResponse): Welcome | Refused {
  if (response.status !== 200) return readRefusal(response);
  const parsed = helloAnswerSchema.safeParse(json(response.body));
  if (parsed.success) {
    const { selectors, fault } = readSelectors(parsed.data.selectors);
    return { kind: "welcome", answer: { ...parsed.data, selectors }, selectorFault: fault };
  }
  return unreadable(response);
}

// Records are applied whatever rules ask for: bad selectors do not spoil an answer.
function readSelectors(found: unknown): {
  readonly selectors: Selectors | undefined;
  readonly fault: string | undefined;
} {
  if (found === undefined) return { selectors: undefined, fault: undefined };
  const parsed = selectorsSchema.safeParse(found);
  if (parsed.success) return { selectors: parsed.data, fault: undefined };
  const [first] = parsed.error.issues;
  return { selectors: undefined, fault: `${first?.path.join(".")}: ${first?.message}` };
}

/** What it means that no whole answer came. */
export function noAnswer(detail: string): Refused {
  return {
    kind: "refused",
    status: 0,
    code: undefined,
    detail,
    sequence: undefined,
    holder: undefined,
    retryAfterMs: 0,
  };
}

function readRefusal(response: HttpResponse): Refused {
  const isProblem = (response.headers["content-type"] ?? "").startsWith("application/problem+json");
  const parsed = isProblem ? problemSchema.safeParse(json(response.body)) : undefined;
  const problem = parsed?.success === true ? parsed.data : undefined;
  return {
    kind: "refused",
    status: response.status,
    code: problem?.code,
    detail: problem?.detail ?? problem?.title ?? `the answer has status ${response.status}`,
    sequence: problem?.sequence,
    holder: problem?.mark?.epoch,
    retryAfterMs: retryAfterMs(response.headers),
  };
}

function unreadable(response: HttpResponse): Refused {
  const detail = "the answer is not one of an aggregator: look at what stands at this address";
  return { ...noAnswer(detail), status: response.status };
}

function json(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

// Seconds, or a date, which is compared with the answer's own date since the two clocks may differ.
function retryAfterMs(headers: Readonly<Record<string, string>>): number {
  const text = headers["retry-after"] ?? "";
  const waitMs = /^\d+$/.test(text)
    ? Number(text) * 1000
    : Date.parse(text) - Date.parse(headers["date"] ?? "");
  return Number.isNaN(waitMs) ? 0 : Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX);
}
