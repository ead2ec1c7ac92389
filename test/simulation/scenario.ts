import type { Prng } from "../../shared/platform/simulated/prng.ts";
import type { RotationStyle } from "./log-writer.ts";

/** What can be done to a fleet. */
export const FAULT_KINDS = [
  "kill agent",
  "kill agent at operation",
  "power cut at agent",
  "power cut at agent at operation",
  "stop agent",
  "second agent on the same folder",
  "roll agent back",
  "clone agent",
  "old logs deleted",
  "copies deleted",
  "logs begin alike",
  "kill aggregator",
  "kill aggregator at operation",
  "power cut at aggregator",
  "power cut at aggregator at operation",
  "stop aggregator",
  "restore aggregator",
  "aggregator away for an hour",
  "bad network",
  "partition",
  "log faults",
  "rival owner",
  "slow disk",
  "failing disk at agent",
  "full disk at agent",
  "failing disk at aggregator",
  "clock jumps",
] as const;

/** One of {@link FAULT_KINDS}. */
export type FaultKind = (typeof FAULT_KINDS)[number];

/** One fault of a scenario. */
export interface PlannedFault {
  readonly kind: FaultKind;
  readonly atMs: number;
  /** How long it lasts, or how much later its second half follows. */
  readonly durationMs: number;
  /** Which agent it hits; taken modulo the number of agents. */
  readonly agentIndex: number;
}

/** How one agent is set up. */
export interface AgentScenario {
  readonly styles: readonly RotationStyle[];
  readonly flushIntervalMs: number;
  readonly pollIntervalMs: number;
  readonly segmentBytes: number;
  readonly clockSkewMs: number;
  /** What stands in the logs before the agent's first start. */
  readonly initialLineCount: number;
}

/** Everything that a seed decides before the run. */
export interface Scenario {
  /** Two receivers and two processors on the simulated log, or one embedded aggregator. */
  readonly isCluster: boolean;
  readonly agents: readonly AgentScenario[];
  readonly faults: readonly PlannedFault[];
  /** How long lines are written and faults happen. */
  readonly durationMs: number;
}

const DAY_MS = 86_400_000;

/** Limits what a seed may draw. */
export interface ScenarioOptions {
  readonly isCluster?: boolean;
  /** Only these faults; all when absent. */
  readonly kinds?: readonly FaultKind[];
  /** Only these ways to put logs away; all when absent. */
  readonly styles?: readonly [RotationStyle, ...RotationStyle[]];
}

const STYLES = ["none", "rename", "rename with date", "rename and pack", "copytruncate"] as const;

/** Draws a scenario. */
export function drawScenario(prng: Prng, options: ScenarioOptions = {}): Scenario {
  const isCluster = options.isCluster ?? prng.chance(0.4);
  const durationMs = prng.between(8_000, 22_000);
  const agents = Array.from({ length: prng.chance(0.5) ? 2 : 3 }, () =>
    drawAgent(prng, options.styles ?? STYLES),
  );
  const kinds = drawKinds(prng, options.kinds);
  const faults: PlannedFault[] = [];
  for (const kind of kinds) {
    const count = kind === "aggregator away for an hour" ? 1 : 1 + prng.below(3);
    for (let index = 0; index < count; index++) {
      faults.push({
        kind,
        atMs: prng.between(500, durationMs),
        durationMs: prng.between(500, 12_000),
        agentIndex: prng.below(agents.length),
      });
    }
  }
  // An hour of looking at quiet files every moment shows nothing new and takes as long as twenty other fleets.
  const isLong = kinds.includes("aggregator away for an hour");
  return {
    isCluster,
    agents: isLong ? agents.map((agent) => ({ ...agent, pollIntervalMs: 20_000 })) : agents,
    faults,
    durationMs,
  };
}

/**
 * What destroys or falsifies a spool, or keeps the agent from syncing it, must not meet the deletion of logs: P1 promises nothing when
 * both copies of a line are gone.
 */
const SPOOL_HARMING: readonly FaultKind[] = [
  "roll agent back",
  "clone agent",
  "restore aggregator",
  "failing disk at agent",
  "full disk at agent",
  "slow disk",
];

/** Asked kinds all happen; of all kinds each seed has some. */
function drawKinds(prng: Prng, asked: readonly FaultKind[] | undefined): readonly FaultKind[] {
  if (asked !== undefined) return asked;
  const isDeletion = prng.chance(0.15);
  return FAULT_KINDS.filter((kind) => {
    if (kind === "old logs deleted") return isDeletion;
    if (isDeletion && SPOOL_HARMING.includes(kind)) return false;
    return prng.chance(rateOf(kind));
  });
}

/** Rare is what takes long to simulate. */
function rateOf(kind: FaultKind): number {
  return kind === "aggregator away for an hour" ? 0.02 : 0.25;
}

function drawAgent(
  prng: Prng,
  styles: readonly [RotationStyle, ...RotationStyle[]],
): AgentScenario {
  return {
    styles: Array.from({ length: 1 + prng.below(2) }, () => prng.pick(styles)),
    flushIntervalMs: prng.pick([200, 1_000, 5_000]),
    pollIntervalMs: prng.pick([300, 1_000, 2_000]),
    segmentBytes: prng.pick([4_096, 16_384, 65_536]),
    clockSkewMs: prng.chance(0.1)
      ? prng.pick([-DAY_MS, DAY_MS])
      : prng.chance(0.5)
        ? prng.between(-2_000, 2_000)
        : 0,
    initialLineCount: prng.chance(0.5) ? prng.below(500) : 0,
  };
}
