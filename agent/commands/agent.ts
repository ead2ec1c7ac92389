import {
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { configSignature, loadConfigFiles } from "../../shared/config/load-files.ts";
import { otherDaemonHint } from "../../shared/config/other-daemon.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { type Logger, textLogger } from "../../shared/log.ts";
import { type RunningAgent, startAgent } from "../agent.ts";
import { agentConfig } from "../config.ts";
import { type DaemonOptions, runDaemon } from "../daemon.ts";

/** What {@link runAgent} runs. */
export interface AgentRun extends DaemonOptions {
  /** With `once`: give up after so long without progress. */
  readonly timeoutMs: number;
}

/**
 * Runs an agent until the signal aborts, or with `once` until everything is read and applied; resolves with the exit code.
 * Fails with LOCK_HELD, FORMAT_UNKNOWN, AGENT_MISMATCH or DISK_FAILED.
 */
export async function runAgent(run: AgentRun): Promise<number> {
  if (run.once !== true) {
    await runDaemon(run);
    return EXIT_DONE;
  }
  const agent = await startAgent(run.platform, run.config, run);
  run.onStarted?.();
  try {
    return await drain(agent, run);
  } finally {
    await agent.close();
  }
}

const LOOK_MS = 25;

async function drain(agent: RunningAgent, run: AgentRun): Promise<number> {
  const { clock, timers } = run.platform;
  let progress = "";
  let progressAtMs = clock.monotonic();
  let fault: unknown;
  agent.ended.catch((error: unknown) => {
    fault = error;
  });
  while (!run.signal.aborted) {
    if (fault !== undefined) throw fault;
    const { readBytes, sealed, accepted, applied, mode } = agent.status();
    if (agent.isDrained) {
      if (hasUnreadable(agent, run.logger)) return EXIT_FAILED;
      run.logger.info("everything is read and applied", { batches: applied, bytes: readBytes });
      return EXIT_DONE;
    }
    const nowMs = clock.monotonic();
    const now = `${readBytes} ${sealed} ${accepted} ${applied}`;
    if (now !== progress) progressAtMs = nowMs;
    progress = now;
    if (nowMs - progressAtMs >= run.timeoutMs || mode === "fenced") break;
    await timers.sleep(LOOK_MS, run.signal);
  }
  reportKept(agent, run.logger, run.signal.aborted);
  return EXIT_FAILED;
}

/** Says how many files could not be read. Which and why, was said when it happened. */
function hasUnreadable(agent: RunningAgent, logger: Logger): boolean {
  const { sources } = agent.status();
  const files = sources.reduce((sum, { unreadableCount }) => sum + unreadableCount, 0);
  if (files === 0) return false;
  logger.error(
    "what could be read is applied, but files match that could not be read: the warnings before say which and why",
    { files },
  );
  return true;
}

function reportKept(agent: RunningAgent, logger: Logger, isStopped: boolean): void {
  const { sealed, applied, spoolBytes, sources } = agent.status();
  const unreadBytes = sources.reduce((sum, source) => sum + source.backlogBytes, 0);
  const message = isStopped
    ? "stopped before everything was applied; what is left is kept for the next run"
    : "no progress any more; what is left is kept for the next run";
  const keptBatches = Math.max(0, sealed - applied);
  logger.error(message, { keptBatches, spoolBytes, unreadBytes });
}

/** `tailrace agent`: reads logs on this host and ships what it counts. */
export const command = defineCommand({
  summary: "Reads logs on this host, counts, and ships the counts to an aggregator.",
  examples: [
    ["tailrace agent --config /etc/tailrace/agent.yaml", "run until SIGTERM"],
    ["tailrace agent --config agent.yaml --once", "read what is there, ship it, exit"],
    ["tailrace agent --config agent.yaml --takeover", "take the id over from a lost machine"],
  ],
  configure: (command) => {
    command
      .requiredOption("--config <file>", "the agent's configuration, agent.yaml")
      .option("--once", "read everything from its beginning to its end, ship it and exit", false)
      .option("--timeout <duration>", "with --once: give up after so long without progress", "60s")
      .option("--takeover", "take the agent's id over from another machine or spool", false)
      .option("--adopt-log", "bind the spool to the log that the endpoints lead to now", false)
      .option("--log-level <level>", "debug, info, warn or error", "info");
  },
  run: async (_operands, options, io) => {
    const file = String(options["config"]);
    const timeoutMs = parseDurationMs(String(options["timeout"]));
    if (timeoutMs === undefined) throw new UsageError("--timeout takes a duration such as 60s");
    const level = (["debug", "info", "warn", "error"] as const).find(
      (name) => name === options["logLevel"],
    );
    if (level === undefined) {
      throw new UsageError("--log-level takes one of: debug, info, warn, error");
    }
    let secrets: readonly string[] = [];
    const places = {
      ...{ disk: io.platform.disk, environment: io.environment },
      noteSecretFiles: (paths: readonly string[]) => {
        secrets = paths;
      },
    };
    const load = () => loadConfigFiles(agentConfig, file, places);
    const { config, faults } = await load();
    if (faults !== undefined) {
      io.stderr(faultLines(faults));
      io.stderr(otherDaemonHint(faults, "agent", file));
      return EXIT_USAGE;
    }
    return runAgent({
      platform: io.platform,
      config,
      logger: textLogger(io.stderr, () => io.platform.clock.now(), level),
      hostname: io.hostname,
      machine: io.machine,
      once: options["once"] === true,
      takeover: options["takeover"] === true,
      adoptLog: options["adoptLog"] === true,
      timeoutMs,
      signal: io.signal,
      processId: io.processId,
      serviceManager: io.serviceManager,
      onStarted: io.settle,
      reloading: {
        signature: () => configSignature(file, io.platform.disk, secrets),
        load: async () => {
          const next = await load();
          if (next.faults !== undefined) io.stderr(faultLines(next.faults));
          return next.config;
        },
        onAsked: io.onReload,
      },
    });
  },
});
