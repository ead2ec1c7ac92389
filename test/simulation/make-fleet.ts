import { textLogger } from "../../shared/log.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import type { SimulatedNetwork } from "../../shared/platform/simulated/simulated-network.ts";
import type { Simulation } from "../../shared/platform/simulated/simulation.ts";
import { agentRunner } from "./agent-runner.ts";
import type { EventWitness } from "./event-witness.ts";
import {
  type Fleet,
  type FleetAgent,
  type FleetAggregator,
  LOG_FOLDER,
  type NamedLogger,
} from "./fleet.ts";
import { LogWriter } from "./log-writer.ts";
import { makeCluster } from "./make-cluster.ts";
import { makeEmbedded } from "./make-embedded.ts";
import { SimulatedNode } from "./node.ts";
import { Recount } from "./recount.ts";
import type { AgentScenario, Scenario } from "./scenario.ts";

/** What a fleet is made of. */
export interface FleetParts {
  readonly simulation: Simulation;
  readonly network: SimulatedNetwork;
  readonly scenario: Scenario;
  /** Undefined: no events are selected. */
  readonly witness: EventWitness | undefined;
  /** True when agents keep windows apart and measure. */
  readonly isDetailed: boolean;
  /** Gets what the programs log. */
  readonly onTrace: ((entry: string) => void) | undefined;
}

/** Makes the hosts, the programs on them and the logs; nothing runs yet. */
export function makeFleet(parts: FleetParts): Fleet {
  const { simulation, network, scenario, witness } = parts;
  const recount = new Recount();
  const aggregator: FleetAggregator = scenario.isCluster
    ? makeCluster({ simulation, network, witness, logger: loggerOf(parts) })
    : makeEmbedded({ simulation, network, witness, logger: loggerOf(parts) });
  const agents = scenario.agents.map((agent, index) =>
    makeAgent(parts, `web-${index + 1}`, { agent, aggregator, recount }),
  );
  return {
    simulation,
    network,
    agents,
    aggregator,
    recount,
    witness,
    intruders: [],
    onRestore: () => undefined,
  };
}

function makeAgent(
  parts: FleetParts,
  id: string,
  given: {
    readonly agent: AgentScenario;
    readonly aggregator: FleetAggregator;
    readonly recount: Recount;
  },
): FleetAgent {
  const host = new SimulatedHost(parts.simulation, id, parts.network);
  host.clockSkewMs = given.agent.clockSkewMs;
  const writers = given.agent.styles.map(
    (style, index) =>
      new LogWriter(host, `${LOG_FOLDER}/app${index}.log`, { recount: given.recount, style }),
  );
  const run = agentRunner({
    id,
    agent: given.agent,
    endpoints: given.aggregator.endpoints,
    logger: loggerOf(parts),
    isDetailed: parts.isDetailed,
  });
  const makeNode = (on: SimulatedHost, name: string) => new SimulatedNode(on, name, run);
  return { id, host, writers, node: makeNode(host, `agent ${id}`), makeNode };
}

function loggerOf({ simulation, onTrace }: FleetParts): NamedLogger {
  return (name) =>
    textLogger(
      (line) => onTrace?.(`${simulation.timeMs.toFixed(3)}   ${name}: ${line.trimEnd()}`),
      () => 0,
      onTrace === undefined ? "error" : "debug",
    );
}
