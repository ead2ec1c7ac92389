/** Reading agents from stored state, for the API and for answers to agents. */
import type { AgentMark } from "../../shared/protocol/answers.ts";
import type { Checkpoint, LedgerEntry } from "../../shared/protocol/batch.ts";
import type { StateView } from "../log/log.ts";
import {
  type AgentRow,
  decodeAgentRow,
  decodeCheckpointRow,
  decodeLedgerRow,
} from "./agent-row.ts";
import {
  agentKey,
  COLLECT_KEY,
  checkpointPrefix,
  keyPart,
  ledgerKey,
  PATTERNS_KEY,
  PROCESS_KEY,
  rangeOf,
} from "./keys.ts";
import { decodePatternsRow, type PatternsRow } from "./rule-rows.ts";
import {
  type CollectRow,
  decodeCollectRow,
  decodeProcessRow,
  type ProcessRow,
} from "./stage-rows.ts";

/** What stage 1 knows of one agent, or undefined when it was never seen. */
export function readAgent(view: StateView, tenant: string, agent: string): AgentRow | undefined {
  const row = view.get(agentKey(tenant, agent));
  return row === undefined ? undefined : decodeAgentRow(row);
}

/** How far an agent's records are applied. */
export function markOf(row: AgentRow): AgentMark {
  return { epoch: row.epoch, sequence: row.sequence, digest: row.digest };
}

/** All agents of a tenant by key; of all tenants when `tenant` is undefined. */
export function* readAgents(view: StateView, tenant?: string): Iterable<AgentRow> {
  const { from, to } = rangeOf(tenant === undefined ? "agent/" : `agent/${keyPart(tenant)}/`);
  for (const [, row] of view.range(from, to)) yield decodeAgentRow(row);
}

/** The cumulative ledger of an agent, as of its last applied batch. */
export function readLedger(view: StateView, tenant: string, agent: string): LedgerEntry[] {
  const row = view.get(ledgerKey(tenant, agent));
  return row === undefined ? [] : decodeLedgerRow(row);
}

/** The checkpoints of an agent by file number, those of removed files included. */
export function readCheckpoints(view: StateView, tenant: string, agent: string): Checkpoint[] {
  const { from, to } = rangeOf(checkpointPrefix(tenant, agent));
  const checkpoints: Checkpoint[] = [];
  for (const [, row] of view.range(from, to)) checkpoints.push(decodeCheckpointRow(row));
  return checkpoints;
}

/** Stage 1's clock, watermark and counters of one partition. */
export function readCollectRow(view: StateView): Readonly<CollectRow> {
  return decodeCollectRow(view.get(COLLECT_KEY));
}

/** Stage 2's watermark, last change number and counters of one partition. */
export function readProcessRow(view: StateView): Readonly<ProcessRow> {
  return decodeProcessRow(view.get(PROCESS_KEY));
}

/** Stage 2's numbers of alerts, gaps and late events of one partition. */
export function readPatternsRow(view: StateView): Readonly<PatternsRow> {
  return decodePatternsRow(view.get(PATTERNS_KEY));
}

/** An agent and how long the log has not heard of it. */
export interface SilentFor {
  readonly tenant: string;
  readonly agent: string;
  readonly silentMs: number;
}

/** The agents of one partition, by its own clock: one that is read with a delay is behind the others in all it says. */
export function seenAgents(view: StateView): SilentFor[] {
  const { clockMs } = readCollectRow(view);
  if (clockMs === undefined) return [];
  return [...readAgents(view)].map(({ tenant, agent, seenMs }) => {
    return { tenant, agent, silentMs: Math.max(0, clockMs - seenMs) };
  });
}
