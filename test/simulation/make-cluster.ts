import { startAggregator } from "../../aggregator/aggregator.ts";
import { aggregatorConfig } from "../../aggregator/config.ts";
import { calmLogFaults, nastyLogFaults, SimulatedLog } from "../../aggregator/log/simulated-log.ts";
import { MemoryStore } from "../../aggregator/state/memory-store.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";
import { type AggregatorParts, type FleetAggregator, watched } from "./fleet.ts";
import { type RunningProgram, SimulatedNode } from "./node.ts";

const PARTITION_COUNT = 4;
/** The partitions of both topics, shared out between two members. */
const SHARES: readonly [readonly number[], readonly number[]] = [
  [0, 1],
  [2, 3],
];
const QUIET = { ...calmLogFaults, latencyMsMax: 5 };

/**
 * Two members, each of which receives for all agents of its partitions and owns two of four partitions of both topics, around one log.
 * A rival is a third that wants what another one has: they take it from each other, and who was fenced learns it late.
 */
export function makeCluster(parts: AggregatorParts): FleetAggregator {
  const { simulation, network } = parts;
  const world = new SimulatedHost(simulation, "log", network).start("log").platform;
  const log = new SimulatedLog({
    partitionCounts: { batches: PARTITION_COUNT, keyed: PARTITION_COUNT },
    world,
    faults: QUIET,
  });
  const makeMember = (name: string, partitions: readonly number[]) => {
    const config = aggregatorConfig.parse({
      listen: `${name}:7400`,
      access: { insecure: true },
      data_dir: "/none",
    });
    const host = new SimulatedHost(simulation, name, network);
    const run = async (process: SimulatedProcess): Promise<RunningProgram> =>
      startAggregator(watched(process.platform, parts.witness), config, {
        log: log.client(process.platform),
        store: new MemoryStore(),
        logger: parts.logger(process.name),
        partitions: { batches: partitions, keyed: partitions },
      });
    return new SimulatedNode(host, name, run);
  };
  const nodes = SHARES.map((partitions, index) => makeMember(`member-${index + 1}`, partitions));
  let rivalCount = 0;
  return {
    nodes,
    endpoints: nodes.map(({ name }) => `http://${name}:7400`),
    takeBackup: () => {
      const backup = log.takeBackup();
      return () => log.restore(backup);
    },
    setLogFaults: (isNasty) => {
      Object.assign(log.faults, isNasty ? nastyLogFaults : QUIET);
    },
    makeRival: () => makeMember(`rival-${++rivalCount}`, simulation.prng.pick(SHARES)),
  };
}
