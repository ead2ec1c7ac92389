import type { Checkpoint, LedgerEntry } from "./batch.ts";
import type { Selectors } from "./selected-event.ts";

/** What became of one record in stage 1. */
export type Outcome = "applied" | "duplicate" | "diverged" | "fenced";

/** Stage 1's word on an agent: how far its records are committed. */
export interface AgentMark {
  readonly epoch: string;
  /** Last sequence committed without a gap; 0 before the first. */
  readonly sequence: number;
  /** Digest of that record. */
  readonly digest: string;
}

/** Body of a 200 of `POST /v1/batches`, as JSON. */
export interface BatchesAnswer {
  /** Last sequence that is durable in the log. */
  readonly accepted: number;
  /** Last sequence that stage 1 committed; all up to it may be deleted from the spool. */
  readonly applied: number;
  /** Digest of the record `applied`; {@link AgentMark.digest}. */
  readonly appliedDigest: string;
  /** Verdicts of this request's records where they are known already (embedded: all of them). */
  readonly outcomes: readonly { readonly sequence: number; readonly outcome: Outcome }[];
  /** Wait at least this long before the next request; 0 when there is no hurry to slow down. */
  readonly throttleMs: number;
  readonly logId: string;
  /** What to select from now on; left out when the envelope named this revision, or nothing is known yet. */
  readonly selectors?: Selectors | undefined;
}

/** Body of `POST /v1/hello`, as JSON. */
export interface HelloRequest {
  readonly agent: string;
  readonly machine: string;
  readonly epoch: string;
  /** Take the name over although it was seen on another machine a moment ago. */
  readonly takeover: boolean;
  /** Take the name only when the spool that has it was silent for ten minutes; left out: false. */
  readonly isPatient?: boolean | undefined;
  readonly version: number;
  /** Revision of the selectors that the agent has; empty when it has none. Left out in version 1. */
  readonly selectorRevision?: string | undefined;
}

/** Body of a 200 of `POST /v1/hello`, as JSON: what the aggregator holds of the agent as of its fence. */
export interface HelloAnswer {
  readonly logId: string;
  /** False when the agent was never seen: `start_at` applies. */
  readonly known: boolean;
  /** Where the epoch before ended; undefined when not known. */
  readonly mark: AgentMark | undefined;
  readonly checkpoints: readonly Checkpoint[];
  readonly ledger: readonly LedgerEntry[];
  /** As in {@link BatchesAnswer.selectors}, for the revision that the hello named. */
  readonly selectors?: Selectors | undefined;
}

/** Codes of problem+json answers. */
export type ProblemCode =
  | "body_too_large"
  | "conflict"
  | "diverged"
  | "fenced"
  | "forbidden"
  | "id_in_use"
  | "internal_error"
  | "invalid_hello"
  | "invalid_query"
  | "key_reused"
  | "log_full"
  | "log_unavailable"
  | "malformed_batch"
  | "method_not_allowed"
  | "no_backup"
  | "not_found"
  | "not_owner"
  | "overloaded"
  | "too_many_requests"
  | "unauthenticated"
  | "unknown_agent"
  | "unknown_version"
  | "unreadable_body"
  | "unsupported_media_type"
  | "wrong_log";

/** Body of a refusal (RFC 9457), with tailrace's `code`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ProblemCode;
  /** With `malformed_batch`: the condemned record. */
  readonly sequence?: number;
  /** With `diverged`: what stage 1 holds. */
  readonly mark?: AgentMark;
}
