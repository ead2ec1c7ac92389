import { startAgent } from "../../agent/agent.ts";
import { agentConfig } from "../../agent/config.ts";
import type { SimulatedProcess } from "../../shared/platform/simulated/simulated-process.ts";
import { LINES } from "./check-lines.ts";
import { AGGREGATE } from "./check-parts.ts";
import { AGENT_FOLDER, LOG_FOLDER, type NamedLogger, SPOOL_BYTES_MAX } from "./fleet.ts";
import type { RunningProgram } from "./node.ts";
import type { AgentScenario } from "./scenario.ts";

/** How an agent runs, whichever host it is on. */
export function agentRunner(parts: {
  readonly id: string;
  readonly agent: AgentScenario;
  readonly endpoints: readonly string[];
  readonly logger: NamedLogger;
  /** True when windows are kept apart and measured. */
  readonly isDetailed: boolean;
}): (process: SimulatedProcess) => Promise<RunningProgram> {
  const { agent } = parts;
  const config = agentConfig.parse({
    id: parts.id,
    data_dir: AGENT_FOLDER,
    sources: [
      {
        name: "app",
        type: "file",
        paths: [`${LOG_FOLDER}/*.log*`],
        format: "json",
        start_at: "beginning",
        ...(parts.isDetailed ? { aggregate: AGGREGATE, lines: LINES } : {}),
      },
    ],
    flush_interval: `${agent.flushIntervalMs}ms`,
    poll_interval: `${agent.pollIntervalMs}ms`,
    ship: { endpoints: parts.endpoints },
    spool: {
      segment_bytes: `${agent.segmentBytes / 1_024}KiB`,
      max_bytes: `${SPOOL_BYTES_MAX / 1_024}KiB`,
    },
  });
  return async (process) => {
    const agent = await startAgent(process.platform, config, {
      hostname: process.host.name,
      machine: process.host.name,
      logger: parts.logger(process.name),
    });
    return {
      ended: agent.ended,
      close: () => agent.close(),
      isCaughtUp: () => {
        const { isReady, isSpoolFull, sources } = agent.status();
        const isRead = sources.every(
          ({ backlogBytes, pendingKeys }) => backlogBytes === 0 && pendingKeys === 0,
        );
        return isReady && !isSpoolFull && isRead;
      },
    };
  };
}
