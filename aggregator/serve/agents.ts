import type { HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer } from "../../shared/protocol/http-answer.ts";
import type { StateView } from "../log/log.ts";
import type { AgentRow } from "../state/agent-row.ts";
import { markOf, readAgents, readCollectRow, readLedger } from "../state/read-agents.ts";
import { decodePlace, encodePlace, QueryParameters } from "./query-parameters.ts";

const LIMIT_MAX = 1_000;

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
  const parameters = new QueryParameters(query, ["agent", "cursor", "limit", "next"]);
  const wanted = parameters.text("agent", "the name of an agent");
  const limit = parameters.limit(LIMIT_MAX);
  const after = parameters.after(decodePlace)?.[1];
  if (parameters.refusal !== undefined) return parameters.refusal;
  const agents: AgentJson[] = [];
  for (const view of views) {
    const clockMs = readCollectRow(view).clockMs;
    for (const row of readAgents(view, tenant)) {
      if (wanted !== undefined && row.agent !== wanted) continue;
      if (after === undefined || row.agent > after) agents.push(agentJson(view, row, clockMs));
    }
  }
  agents.sort((a, b) => (a.agent < b.agent ? -1 : 1));
  const page = agents.slice(0, limit);
  const last = page.at(-1);
  const hasMore = agents.length > page.length && last !== undefined;
  const next = hasMore ? { next: encodePlace([0, last.agent]) } : {};
  return jsonAnswer(200, { agents: page, ...next });
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
