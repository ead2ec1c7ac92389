import { startAggregator } from "../../aggregator/aggregator.ts";
import { aggregatorConfig } from "../../aggregator/config.ts";
import { openLocalLog } from "../../aggregator/log/local-log.ts";
import { MemoryState, MemoryStore } from "../../aggregator/state/memory-store.ts";
import { makeDurableDirectory } from "../../shared/platform/make-durable-directory.ts";
import { SimulatedHost } from "../../shared/platform/simulated/simulated-host.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";
import { AGGREGATOR_FOLDER, type AggregatorParts, type FleetAggregator, watched } from "./fleet.ts";
import { SimulatedNode } from "./node.ts";

/** One aggregator with its log on a simulated disk, and a store whose commits are atomic and durable. */
export function makeEmbedded(parts: AggregatorParts): FleetAggregator {
  const host = new SimulatedHost(parts.simulation, "aggregator", parts.network);
  const state = new MemoryState();
  const config = aggregatorConfig.parse({
    listen: "aggregator:7400",
    access: { insecure: true },
    data_dir: AGGREGATOR_FOLDER,
  });
  const node = new SimulatedNode(host, "aggregator", async (process) => {
    const platform = watched(process.platform, parts.witness);
    const logger = parts.logger(process.name);
    const failed = Promise.withResolvers<void>();
    const pause = () => commitPause(process);
    const store = new MemoryStore(state, { beforeApply: pause, afterApply: pause });
    await makeDurableDirectory(platform.disk, AGGREGATOR_FOLDER);
    const log = await openLocalLog(platform, {
      directory: `${AGGREGATOR_FOLDER}/log`,
      store,
      logger,
      bytesMax: config.limits.logBytesMax,
      segmentBytesMax: 65_536,
      onFailed: (error) => failed.reject(error),
    });
    const aggregator = await startAggregator(platform, config, { log, store, logger });
    return {
      ended: Promise.race([aggregator.ended, failed.promise]),
      close: async () => {
        await aggregator.close();
        await log.close();
        await store.close();
      },
    };
  });
  return {
    nodes: [node],
    endpoints: ["http://aggregator:7400"],
    takeBackup: () => {
      const rows = state.copy();
      const folder = host.disk.snapshot(AGGREGATOR_FOLDER);
      return () => {
        state.restore(rows);
        if (folder !== undefined) host.disk.restore(AGGREGATOR_FOLDER, folder, false);
      };
    },
    setLogFaults: () => undefined,
    makeRival: () => undefined,
  };
}

/** A commit takes a while, and the process may die before or after it took effect. */
function commitPause(process: SimulatedProcess): Promise<void> {
  return process.operate({
    label: `${process.name} commits`,
    latencyMs: process.simulation.prng.between(0.05, 1),
    effect: () => undefined,
  });
}
