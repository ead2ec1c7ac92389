import { present } from "../../shared/assert.ts";
import type { DiskFault } from "../../shared/platform/simulated/simulated-disk.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import { CALM } from "../../shared/platform/simulated/simulated-network.ts";
import { AGENT_FOLDER, AGGREGATOR_FOLDER, type Fleet, type FleetAgent } from "./fleet.ts";
import type { SimulatedNode } from "./node.ts";
import type { FaultKind, PlannedFault } from "./scenario.ts";

/** What a fault is done to. */
interface Target {
  readonly fleet: Fleet;
  readonly agent: FleetAgent;
  /** One of the aggregator's programs. */
  readonly aggregator: SimulatedNode;
  readonly durationMs: number;
}

/** How long the aggregator can be away. */
export const HOUR_MS = 3_600_000;

/** Does what a plan says, now. */
export function injectFault(fleet: Fleet, fault: PlannedFault): void {
  const { simulation } = fleet;
  simulation.trace.add(simulation.timeMs, `fault ${fault.kind} ${fault.agentIndex}`);
  const nodes = fleet.aggregator.nodes;
  injections[fault.kind]({
    fleet,
    agent: present(fleet.agents[fault.agentIndex % fleet.agents.length], "an agent"),
    aggregator: present(nodes[simulation.prng.below(nodes.length)], "an aggregator"),
    durationMs: fault.durationMs,
  });
}

const injections: Readonly<Record<FaultKind, (target: Target) => void>> = {
  "kill agent": ({ agent }) => agent.node.kill(),
  "kill agent at operation": ({ fleet, agent }) => planKill(fleet, agent.node, false),
  "power cut at agent": ({ agent }) => agent.node.crash(),
  "power cut at agent at operation": ({ fleet, agent }) => planKill(fleet, agent.node, true),
  "stop agent": ({ agent }) => agent.node.stop(20_000),
  "second agent on the same folder": addSecond,
  "roll agent back": rollBack,
  "clone agent": clone,
  "old logs deleted": deleteOldLogs,
  "copies deleted": ({ agent }) => {
    for (const writer of agent.writers) writer.deletesCopies = true;
  },
  "logs begin alike": ({ agent }) => {
    for (const writer of agent.writers) writer.hasBanner = true;
  },
  "kill aggregator": ({ aggregator }) => aggregator.kill(),
  "kill aggregator at operation": ({ fleet, aggregator }) => planKill(fleet, aggregator, false),
  "power cut at aggregator": ({ aggregator }) => aggregator.crash(),
  "power cut at aggregator at operation": ({ fleet, aggregator }) =>
    planKill(fleet, aggregator, true),
  "stop aggregator": ({ aggregator }) => aggregator.stop(20_000),
  "restore aggregator": restoreAggregator,
  "aggregator away for an hour": awayForAnHour,
  "bad network": makeNetworkBad,
  partition: part,
  "log faults": ({ fleet, durationMs }) => {
    fleet.aggregator.setLogFaults(true);
    fleet.simulation.schedule(durationMs, "log heals", () => fleet.aggregator.setLogFaults(false));
  },
  "rival owner": addRival,
  "slow disk": ({ fleet, agent, aggregator, durationMs }) => {
    const { disk } = fleet.simulation.prng.pick([agent.host, aggregator.host]);
    disk.slowness = 500;
    fleet.simulation.schedule(durationMs, "disk is fast", () => {
      disk.slowness = 1;
    });
  },
  "failing disk at agent": ({ fleet, agent, durationMs }) =>
    failDisk(fleet, agent.host, { path: AGENT_FOLDER, durationMs }),
  "full disk at agent": fillDisk,
  "failing disk at aggregator": ({ fleet, aggregator, durationMs }) =>
    failDisk(fleet, aggregator.host, { path: AGGREGATOR_FOLDER, durationMs }),
  "clock jumps": ({ fleet, agent }) => {
    agent.host.clockSkewMs += fleet.simulation.prng.pick([-3_600_000, -40_000, 40_000, 3_600_000]);
  },
};

function planKill(fleet: Fleet, node: SimulatedNode, isPowerCut: boolean): void {
  const { prng } = fleet.simulation;
  node.planKill(1 + prng.below(60), prng.chance(0.5), isPowerCut);
}

function addSecond({ fleet, agent, durationMs }: Target): void {
  const second = agent.makeNode(agent.host, `${agent.node.name} again`);
  fleet.intruders.push(second);
  second.want();
  fleet.simulation.schedule(durationMs, "second agent goes", () => second.unwant());
}

function addRival({ fleet, durationMs }: Target): void {
  const rival = fleet.aggregator.makeRival();
  if (rival === undefined) return;
  fleet.intruders.push(rival);
  rival.want();
  fleet.simulation.schedule(durationMs, "rival goes", () => rival.unwant());
}

/** An administrator puts an old copy of the agent's folder back. */
function rollBack({ fleet, agent, durationMs }: Target): void {
  const snapshot = agent.host.disk.snapshot(AGENT_FOLDER);
  if (snapshot === undefined) return;
  fleet.simulation.schedule(durationMs, "agent rolled back", () => {
    agent.node.unwant();
    // Numbers of inodes may have been given to other files since.
    agent.host.disk.restore(AGENT_FOLDER, snapshot, false);
    agent.node.want();
  });
}

/** Longer than the slowest agent takes from a line to its spool. */
export const SETTLE_MS = 15_000;

/**
 * Logs are deleted once the agent had the time to read and seal them; what is in a spool needs its log no longer. The aggregator may be out
 * of reach meanwhile, and the power may be cut right after.
 */
function deleteOldLogs({ fleet, agent, durationMs }: Target): void {
  const { simulation, network } = fleet;
  const reader = agent.node.living;
  if (agent.writers.some((writer) => writer.isPaused)) return;
  const pairs = fleet.aggregator.nodes.map(({ host }) => `${agent.host.name}|${host.name}`);
  const isApart = simulation.prng.chance(0.7);
  for (const pair of isApart ? pairs : []) network.partitions.add(pair);
  for (const writer of agent.writers) {
    writer.finishLine();
    writer.isPaused = true;
  }
  simulation.schedule(SETTLE_MS, "old logs deleted", () => {
    if (reader?.isAlive === true && agent.node.living === reader && agent.node.isCaughtUp) {
      for (const writer of agent.writers) writer.deleteOld();
      if (simulation.prng.chance(0.7)) agent.node.crash();
    }
    for (const writer of agent.writers) writer.isPaused = false;
  });
  simulation.schedule(SETTLE_MS + durationMs, "partition heals", () => {
    for (const pair of pairs) network.partitions.delete(pair);
  });
}

/** A copy of the whole machine runs for a while beside the original; its programs write nothing. */
function clone({ fleet, agent, durationMs }: Target): void {
  const snapshot = agent.host.disk.snapshot("/");
  if (snapshot === undefined) return;
  const host = new SimulatedHost(fleet.simulation, `${agent.host.name}-clone`, fleet.network);
  host.disk.restore("/", snapshot, true);
  host.disk.device = agent.host.disk.device;
  host.disk.reportsBirth = agent.host.disk.reportsBirth;
  host.clockSkewMs = agent.host.clockSkewMs;
  const node = agent.makeNode(host, `${agent.node.name} clone`);
  fleet.intruders.push(node);
  node.want();
  fleet.simulation.schedule(durationMs, "clone goes", () => node.unwant());
}

function restoreAggregator({ fleet, durationMs }: Target): void {
  const restore = fleet.aggregator.takeBackup();
  fleet.simulation.schedule(durationMs, "aggregator restored", () => {
    for (const node of fleet.aggregator.nodes) node.unwant();
    restore();
    fleet.onRestore();
    for (const node of fleet.aggregator.nodes) node.want();
  });
}

function awayForAnHour({ fleet }: Target): void {
  for (const node of fleet.aggregator.nodes) node.unwant();
  fleet.simulation.schedule(HOUR_MS, "aggregator is back", () => {
    for (const node of fleet.aggregator.nodes) node.want();
  });
}

function makeNetworkBad({ fleet, durationMs }: Target): void {
  const { prng } = fleet.simulation;
  fleet.network.faults = {
    requestLost: prng.pick([0, 0.1, 0.3]),
    answerLost: prng.pick([0, 0.2, 0.5]),
    duplicated: prng.pick([0, 0.2, 0.5]),
    cut: prng.pick([0, 0.1]),
    proxied: prng.pick([0, 0.1]),
    delayMsMax: prng.pick([5, 200, 3_000]),
    duplicateDelayMsMax: prng.pick([10, 1_000, 30_000]),
  };
  fleet.simulation.schedule(durationMs, "network heals", () => {
    fleet.network.faults = { ...CALM };
  });
}

function part({ fleet, agent, aggregator, durationMs }: Target): void {
  const pair = `${agent.host.name}|${aggregator.host.name}`;
  fleet.network.partitions.add(pair);
  fleet.simulation.schedule(durationMs, "partition heals", () =>
    fleet.network.partitions.delete(pair),
  );
}

function failDisk(
  fleet: Fleet,
  host: SimulatedHost,
  place: { readonly path: string; readonly durationMs: number },
): void {
  const { prng } = fleet.simulation;
  const fault: DiskFault = {
    path: place.path,
    operations: prng.pick([["write"], ["sync"], ["write", "sync", "rename", "remove"], ["open"]]),
    code: prng.pick(["ENOSPC", "EIO", "EDQUOT"]),
    share: prng.pick([0.05, 0.5, 1]),
  };
  host.disk.faults.add(fault);
  fleet.simulation.schedule(place.durationMs, "disk heals", () => host.disk.faults.delete(fault));
}

function fillDisk({ fleet, agent, durationMs }: Target): void {
  const { disk } = agent.host;
  disk.bytesMax = disk.bytesUsed(AGENT_FOLDER) + fleet.simulation.prng.below(8_192);
  fleet.simulation.schedule(durationMs, "disk has room", () => {
    disk.bytesMax = Number.POSITIVE_INFINITY;
  });
}
