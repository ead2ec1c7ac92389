import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import type { SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import type { Simulation } from "../../shared/platform/simulated/simulation.ts";
import type { EventWitness } from "./event-witness.ts";
import type { LogWriter } from "./log-writer.ts";
import type { SimulatedNode } from "./node.ts";
import type { Recount } from "./recount.ts";

/** An agent, its host and the programs that write logs there. */
export interface FleetAgent {
  readonly id: string;
  readonly host: SimulatedHost;
  readonly node: SimulatedNode;
  readonly writers: readonly LogWriter[];
  /** Makes a node of the same agent on another host, which must have the same folders. */
  makeNode(host: SimulatedHost, name: string): SimulatedNode;
}

/** What aggregates: one program with its own log and store, or several around one log. */
export interface FleetAggregator {
  readonly nodes: readonly SimulatedNode[];
  /** Where agents send to and users ask. */
  readonly endpoints: readonly string[];
  /** Copies everything durable. */
  takeBackup(): () => void;
  /** Lets the log between the programs fail as it may, or no longer; nothing where the log is embedded. */
  setLogFaults(isNasty: boolean): void;
  /** Makes one more program that wants to own what another one owns; undefined where the log is embedded. */
  makeRival(): SimulatedNode | undefined;
}

/** What an aggregator is made of. */
export interface AggregatorParts {
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly logger: NamedLogger;
  /** Stands in the aggregators' doors; undefined: no events are selected. */
  readonly witness: EventWitness | undefined;
}

/** Makes loggers whose lines stand in the trace, or nowhere. */
export type NamedLogger = (name: string) => Logger;

/** Everything that a fault can reach. */
export interface Fleet {
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly agents: readonly FleetAgent[];
  readonly aggregator: FleetAggregator;
  readonly recount: Recount;
  readonly witness: EventWitness | undefined;
  /** Nodes that faults added: second agents, clones. */
  readonly intruders: SimulatedNode[];
  /** Called when the aggregator went back to an older state. */
  onRestore: () => void;
}

/** Folder of an agent's spool. */
export const AGENT_FOLDER = "/var/lib/tailrace";
/** Folder of the embedded aggregator. */
export const AGGREGATOR_FOLDER = "/var/lib/tailrace-aggregator";
/** Folder of the logs. */
export const LOG_FOLDER = "/var/log/app";
/** Size of an agent's spool at which reading stops. */
export const SPOOL_BYTES_MAX = 4 * 65_536;

/** The platform of an aggregator's process, with the witness in its door. */
export function watched(platform: Platform, witness: EventWitness | undefined): Platform {
  if (witness === undefined) return platform;
  return { ...platform, network: witness.watch(platform.network) };
}
