import type { Selection } from "../log/keyed-entry.ts";
import type { SourceInput } from "../state/agent-row.ts";

/** Whoever selects events: an agent, or an inlet. */
export interface Selecting {
  selectorRevision: string;
  selectedSinceMs: number | undefined;
  readonly seenMs: number;
  /** True when nothing of it counts for now; absent: it always does. */
  readonly diverged?: boolean;
  readonly sources: readonly SourceInput[];
}

/**
 * By which selectors the live agents of a partition select: undefined while one of them has yet to switch to those of `revision`. An agent is
 * live while it was heard of within `liveMs` before `clockMs`. When none is, nobody is waited for: what is new begins behind `watermarkMs`.
 */
export function selectionOf(
  agents: Iterable<Selecting>,
  revision: string,
  now: {
    readonly clockMs: number;
    readonly liveMs: number;
    readonly watermarkMs: number | undefined;
  },
): Selection | undefined {
  let isLive = false;
  let isKnown = false;
  let sinceMs: number | undefined;
  for (const agent of agents) {
    isKnown = true;
    if (agent.diverged === true || now.clockMs - agent.seenMs >= now.liveMs) continue;
    if (agent.selectorRevision !== revision) return undefined;
    isLive = true;
    if (agent.selectedSinceMs === undefined) continue;
    sinceMs = Math.max(sinceMs ?? agent.selectedSinceMs, agent.selectedSinceMs);
  }
  if (isLive) return { revision, sinceMs };
  return isKnown ? { revision, sinceMs: now.watermarkMs } : undefined;
}

/** Notes that an agent's batch was selected by selectors of `revision`; call it before what the batch says of its sources is taken. */
export function noteRevision(agent: Selecting, revision: string): void {
  if (agent.selectorRevision === revision) return;
  agent.selectorRevision = revision;
  agent.selectedSinceMs = undefined;
  for (const { eventTimeMaxMs } of agent.sources) {
    if (eventTimeMaxMs === undefined) continue;
    agent.selectedSinceMs = Math.max(agent.selectedSinceMs ?? eventTimeMaxMs, eventTimeMaxMs);
  }
}
