import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
} from "../../shared/command.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemFault, TailraceError } from "../../shared/errors.ts";
import { textLogger } from "../../shared/log.ts";
import { type Aggregator, startAggregator } from "../aggregator.ts";
import type { AggregatorConfig } from "../config.ts";
import { type Embedded, openEmbedded } from "../embedded.ts";
import { RuleFiles } from "../rule-files.ts";
import { readConfig } from "./read-config.ts";

/** `tailrace aggregator`: runs the aggregator until it is told to stop. */
export const command = defineCommand({
  summary: "Merges what agents counted into windows, runs rules, serves both and feeds the sinks.",
  examples: [
    ["tailrace aggregator --config /etc/tailrace/aggregator.yaml", "until SIGTERM or SIGINT"],
    ["tailrace aggregator --config a.yaml --log-level debug", "tells more about what it does"],
  ],
  configure: (command) => {
    command
      .requiredOption("--config <file>", "the aggregator's configuration")
      .option("--log-level <level>", "error, warn, info or debug", "info");
  },
  run: async (_operands, options, io) => {
    const file = String(options["config"]);
    const level = logLevel(options["logLevel"]);
    if (level === undefined) {
      io.stderr("tailrace aggregator: --log-level takes error, warn, info or debug\n");
      return EXIT_USAGE;
    }
    const config = await readConfig(file, io);
    return config === undefined ? EXIT_USAGE : runAggregator(config, level, io);
  },
});

type LogLevel = Parameters<typeof textLogger>[2];

function logLevel(text: unknown): LogLevel | undefined {
  if (text === "error" || text === "warn" || text === "info" || text === "debug") return text;
  return undefined;
}

async function runAggregator(
  config: AggregatorConfig,
  level: LogLevel,
  io: CommandIo,
): Promise<number> {
  const { platform, signal } = io;
  const logger = textLogger(io.stderr, () => platform.clock.now(), level);
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => undefined);
  const ruleFiles = new RuleFiles(platform, config.rules, logger);
  const faults = await ruleFiles.open();
  if (faults.length > 0) {
    io.stderr(faultLines(faults));
    return EXIT_USAGE;
  }
  io.onReload(() => ruleFiles.reload());
  let embedded: Embedded | undefined;
  let aggregator: Aggregator | undefined;
  let exitCode: number = EXIT_DONE;
  try {
    embedded = await openEmbedded(platform, config, { logger, onFailed: failure.reject });
    const { log, store, copyState } = embedded;
    const rules = () => ruleFiles.current;
    const parts = { log, store, copyState, logger, rules, hasProcessMetrics: true };
    aggregator = await startAggregator(platform, config, parts);
    const { host, port } = aggregator;
    const place = host.includes(":") ? `[${host}]` : host;
    const scheme = config.tls === undefined ? "http" : "https";
    io.stderr(
      `tailrace aggregator listens on ${scheme}://${place}:${port}, data in ${config.dataDir}; ${ACCESS_TEXTS[config.access]}\n`,
    );
    await Promise.race([aborted(signal), aggregator.ended, failure.promise]);
    logger.info("stopping: requests under way are answered, sinks get what waits");
  } catch (error) {
    const reason =
      error instanceof TailraceError ? error.message : (systemFault(error) ?? String(error));
    io.stderr(`tailrace aggregator: ${reason}\n`);
    exitCode = EXIT_FAILED;
  }
  try {
    await ruleFiles.close();
    await aggregator?.close();
    await embedded?.close();
  } catch (error) {
    // What was acknowledged is in the log or the store; the next start puts the rest in order.
    io.stderr(`tailrace aggregator: did not close cleanly: ${String(error)}\n`);
    exitCode = EXIT_FAILED;
  }
  return exitCode;
}

const ACCESS_TEXTS = {
  local: "it asks for no credentials, since only this machine reaches it",
  credentials: "callers need a token or an agent's certificate",
  insecure: "INSECURE: whoever reaches it may send and read (`access: { insecure: true }`)",
} as const;

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
