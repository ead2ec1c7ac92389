import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer, type QueryFault } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import type { AgentRow } from "../state/agent-row.ts";
import { markOf, readAgents, readCollectRow, readLedger } from "../state/read-agents.ts";

/** An agent as `GET /v1/agents` shows it. Times are ISO 8601; null where nothing is known. */
export interface AgentJson {
  readonly agent: string;
  readonly machine: string;
  readonly epoch: string;
  /** Last sequence of the epoch that is applied, and its digest. */
  readonly mark: { readonly sequence: number; readonly digest: string };
  /** True while the agent has yet to say hello because its records did not continue what is held. */
  readonly diverged: boolean;
  readonly lastSeen: string;
  /** How old the newest applied batch is, by the log's clock; null before the first. */
  readonly lagMs: number | null;
  readonly records: Readonly<Record<string, number>>;
  readonly lineCount: number;
  /** Revision of the selectors of the newest applied batch; empty when it had none. */
  readonly selectorRevision: string;
  readonly sources: readonly {
    readonly source: string;
    readonly state: string;
    /** The latest event time that may move the watermark. */
    readonly eventTimeMax: string | null;
    readonly lastSeen: string;
  }[];
  readonly ledger: readonly {
    readonly source: string;
    readonly kind: string;
    readonly reason: string;
    readonly lines: number;
    readonly bytes: number;
  }[];
}

/** Answers `GET /v1/agents` from the state of each partition of stage 1; `query` is what follows the question mark. */
export function answerAgents(
  views: readonly StateView[],
  tenant: string,
  query: string,
): HttpResponse {
  const parameters = new URLSearchParams(query);
  const faults: QueryFault[] = [];
  for (const name of new Set(parameters.keys())) {
    if (name !== "agent") {
      const detail = "There is no such parameter; known is agent.";
      faults.push({ parameter: name, detail });
    } else if (parameters.getAll(name).length > 1) {
      faults.push({ parameter: name, detail: "It is given more than once." });
    }
  }
  if (faults.length > 0) {
    const names = faults.map(({ parameter }) => `\`${parameter}\``).join(", ");
    const detail = `Cannot understand ${names}.`;
    return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
  }
  const wanted = parameters.get("agent");
  const agents: AgentJson[] = [];
  for (const view of views) {
    const clockMs = readCollectRow(view).clockMs;
    for (const row of readAgents(view, tenant)) {
      if (wanted === null || row.agent === wanted) agents.push(agentJson(view, row, clockMs));
    }
  }
  agents.sort((a, b) => (a.agent < b.agent ? -1 : 1));
  return jsonAnswer(200, { agents });
}

function agentJson(view: StateView, row: AgentRow, clockMs: number | undefined): AgentJson {
  const { sequence, digest } = markOf(row);
  const { applied, duplicate, diverged, fenced, lines, clockAhead } = row.counters;
  const sources = row.sources.map((input) => ({
    source: input.source,
    state: input.state,
    eventTimeMax: isoOrNull(input.eventTimeMaxMs),
    lastSeen: iso(input.seenMs),
  }));
  return {
    agent: row.agent,
    machine: row.machine,
    epoch: row.epoch,
    mark: { sequence, digest },
    diverged: row.diverged,
    lastSeen: iso(row.seenMs),
    lagMs:
      row.sealedAtMs === undefined || clockMs === undefined
        ? null
        : Math.max(0, clockMs - row.sealedAtMs),
    records: { applied, duplicate, diverged, fenced, clockAhead },
    lineCount: lines,
    selectorRevision: row.selectorRevision,
    sources: sources.toSorted((a, b) => (a.source < b.source ? -1 : 1)),
    ledger: readLedger(view, row.tenant, row.agent),
  };
}

function isoOrNull(timeMs: number | undefined): string | null {
  return timeMs === undefined ? null : iso(timeMs);
}

// What agents send as times may be beyond all dates.
function iso(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? `${timeMs} ms since the Unix epoch` : date.toISOString();
}
