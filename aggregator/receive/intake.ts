/** What receiving needs of the log and of stage 1 behind it. */
import type { AgentMark, Outcome } from "../../shared/protocol/answers.ts";
import type { Checkpoint, Envelope, LedgerEntry } from "../../shared/protocol/batch.ts";

/** Whom a record of the log is about. */
export interface AgentName {
  readonly tenant: string;
  readonly agent: string;
}

/** Stage 1's word on the records of one envelope. */
export interface Verdict {
  /** What stage 1 holds of the agent now; undefined when it never took a record of it. */
  readonly mark: AgentMark | undefined;
  readonly outcomes: readonly { readonly sequence: number; readonly outcome: Outcome }[];
}

/** What stage 1 knows of an agent. */
export interface AgentStanding {
  /** Number of the last fence that took effect; 0 before the first. */
  readonly fenceNumber: number;
  /** Epoch of that fence. */
  readonly epoch: string;
  readonly machine: string;
  /** When it was last heard of, by the log's clock. */
  readonly lastSeenMs: number;
  /** As of that fence: false when the agent had never been seen before it. */
  readonly isKnown: boolean;
  /** As of that fence: where the epoch before ended. */
  readonly markBefore: AgentMark | undefined;
  readonly checkpoints: readonly Checkpoint[];
  readonly ledger: readonly LedgerEntry[];
}

/** A request to become the only epoch of an agent's name. */
export interface Fence {
  readonly number: number;
  readonly epoch: string;
  readonly machine: string;
}

/** The way into the log. Failures of an append are those of the log: LOG_FULL, LOG_UNAVAILABLE, LOG_UNKNOWN. */
export interface Intake {
  readonly logId: string;
  /** The log's clock: the latest time that stage 1 has seen, in milliseconds since the Unix epoch; 0 before the first. */
  nowMs(): number;
  /** Resolves when the envelope is durable, with what tells its verdict apart. `bytes` is the envelope as it came. */
  appendEnvelope(name: AgentName, envelope: Envelope, bytes: Buffer): Promise<number>;
  /** Stage 1's verdict on what was appended at `position`; undefined when it is not known before `signal` aborts. */
  verdict(name: AgentName, position: number, signal: AbortSignal): Promise<Verdict | undefined>;
  appendFence(name: AgentName, fence: Fence): Promise<number>;
  /** Resolves when stage 1 has committed all up to `position`, true, or `signal` aborts, false. */
  committed(name: AgentName, position: number, signal: AbortSignal): Promise<boolean>;
  /** What stage 1 has committed of an agent; undefined when it was never seen. */
  standing(name: AgentName): Promise<AgentStanding | undefined>;
}
