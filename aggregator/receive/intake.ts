/** What receiving needs of the log and of stage 1 behind it. */
import type { AgentMark, HelloAnswer, Outcome } from "../../shared/protocol/answers.ts";

/** Whom an entry of the log is about. */
export interface AgentName {
  readonly tenant: string;
  readonly agent: string;
}

/** Stage 1's word on the records of one envelope, once it is committed. */
export interface Verdict {
  /** How far the agent's records are applied; undefined when the agent is unknown. */
  readonly mark: AgentMark | undefined;
  /** In order, up to the first that was neither applied nor a duplicate. */
  readonly outcomes: readonly { readonly sequence: number; readonly outcome: Outcome }[];
}

/** A request to become the only epoch of an agent's name. */
export interface Fence {
  /** Takes effect only as the next one. */
  readonly number: number;
  readonly epoch: string;
  readonly machine: string;
}

/** Stage 1's word on a fence, once it is committed. */
export interface FenceVerdict {
  /** `taken`: the epoch is the agent's; `lost`: another hello came first; `retired`: the epoch was fenced off for ever. */
  readonly verdict: "taken" | "lost" | "retired";
  /** What is held of the agent as of this fence. */
  readonly snapshot: Omit<HelloAnswer, "logId">;
}

/** What stage 1 has committed of an agent. */
export interface AgentStanding {
  readonly fenceNumber: number;
  readonly epoch: string;
  readonly machine: string;
  /** When it was last heard of, by the log's clock. */
  readonly seenMs: number;
}

/**
 * The way into the log. An append resolves when it is durable, with a promise of stage 1's word, which is undefined when that is not known
 * before `signal` aborts. It fails as the log does: LOG_FULL and LOG_UNAVAILABLE (certainly absent), LOG_UNKNOWN.
 */
export interface Intake {
  readonly logId: string;
  /** False while stage 1 of the agent's partition is not here: nothing can be said about the agent. */
  isOwner(name: AgentName): boolean;
  /** The log's clock of the agent's partition, in milliseconds since the Unix epoch. */
  nowMs(name: AgentName): number;
  standing(name: AgentName): AgentStanding | undefined;
  /** `envelope`: the bytes as they came, checked. */
  appendEnvelope(name: AgentName, envelope: Buffer): Promise<Appended<Verdict>>;
  appendFence(name: AgentName, fence: Fence): Promise<Appended<FenceVerdict>>;
}

/** An entry that is durable in the log. */
export interface Appended<Word> {
  /** Resolves with stage 1's word, or with undefined when `signal` aborts before. */
  word(signal: AbortSignal): Promise<Word | undefined>;
}
