/** How the aggregator answers: JSON, or a refusal as problem+json (RFC 9457) whose `code` says what a caller may do. */
import type { HttpResponse } from "../platform/network.ts";
import type { AgentMark, Problem, ProblemCode } from "./answers.ts";

/** A refusal before it becomes bytes. */
export interface Refusal {
  readonly status: number;
  readonly code: ProblemCode;
  /** What happened and what to do about it, for people. */
  readonly detail: string;
  readonly sequence?: number | undefined;
  readonly mark?: AgentMark | undefined;
  /** With a bad query or body: each fault, by the name of its parameter or key. */
  readonly faults?: readonly QueryFault[] | undefined;
  /** Not before this many seconds. */
  readonly retryAfterSeconds?: number | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** One thing wrong with a query or a body. */
export interface QueryFault {
  readonly parameter: string;
  readonly detail: string;
}

/** What each code means, as the title of its problems. */
export const problemTitles = {
  body_too_large: "The request is larger than this server takes",
  conflict: "What is asked for does not fit what is so",
  diverged: "The records do not continue what the aggregator holds",
  fenced: "Another spool took over this agent's name",
  forbidden: "The caller may not do this",
  id_in_use: "Another machine uses this agent id",
  internal_error: "The aggregator failed at this request",
  invalid_hello: "The hello cannot be understood",
  invalid_query: "The query cannot be understood",
  key_reused: "The idempotency key belongs to another request",
  log_full: "The log is at its size limit",
  log_unavailable: "The log cannot be reached",
  malformed_batch: "A record arrived whole but holds no valid batch",
  method_not_allowed: "The method does not fit this path",
  no_backup: "No backup was made",
  not_found: "There is nothing at this path",
  not_owner: "This process does not own the agent's partition",
  overloaded: "The aggregator has too much under way",
  too_many_requests: "This address asks too often",
  unauthenticated: "The caller is not known",
  unknown_agent: "The agent is not known",
  unknown_version: "The envelope's version is not known",
  unreadable_body: "The body cannot be read",
  unsupported_media_type: "The content type does not fit",
  wrong_log: "The records belong to another log",
} as const satisfies Record<ProblemCode, string>;

/** The answer with a JSON body. */
export function jsonAnswer(status: number, value: unknown): HttpResponse {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: Buffer.from(JSON.stringify(value)),
  };
}

/** The answer that refuses; its body is a {@link Problem}, with `faults` beside it. */
export function problemAnswer(refusal: Refusal): HttpResponse {
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (refusal.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(refusal.retryAfterSeconds);
  }
  const problem: Problem & { readonly faults?: readonly QueryFault[] } = {
    type: "about:blank",
    title: problemTitles[refusal.code],
    status: refusal.status,
    detail: refusal.detail,
    code: refusal.code,
    ...(refusal.sequence === undefined ? {} : { sequence: refusal.sequence }),
    ...(refusal.mark === undefined ? {} : { mark: refusal.mark }),
    ...(refusal.faults === undefined ? {} : { faults: refusal.faults }),
  };
  return {
    status: refusal.status,
    headers: { ...headers, ...refusal.headers },
    body: Buffer.from(JSON.stringify(problem)),
  };
}
