import type { AggregatorStatus } from "../../aggregator/commands/aggregator-status.ts";
import { type CommandIo, defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { askStatus } from "./ask-agent.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";
import { statusText } from "./status-text.ts";

/** Puts the cursor to the upper left and clears what is below it. */
const HOME = "\u001b[H\u001b[J";

/** `tailrace top`: how a running agent stands, or with `--endpoint` an aggregator, again and again. */
export const command = defineCommand({
  summary: "Shows live how the agent that runs on this host stands, or an aggregator.",
  examples: [
    ["tailrace top --config /etc/tailrace/agent.yaml", "until Ctrl-C"],
    ["tailrace top --endpoint http://127.0.0.1:7400", "an aggregator, with rates"],
    ["tailrace top --data-dir /var/lib/tailrace --once", "one frame, as text"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command)
      .option("--endpoint <url>", "of an aggregator instead of an agent")
      .option("--interval <duration>", "how often to look", "1s")
      .option("--once", "show one frame and exit", false);
  },
  run: async (_operands, options, io) => {
    const intervalMs = parseDurationMs(String(options["interval"])) ?? 0;
    if (intervalMs < 100) {
      throw new UsageError("--interval takes a duration of at least 100ms, such as 1s");
    }
    const { timers } = io.platform;
    const isOnce = options["once"] === true;
    const begin = isOnce || !io.isTerminal ? "" : HOME;
    const { endpoint } = options;
    const look =
      typeof endpoint === "string"
        ? await aggregatorLook(io, endpoint, isOnce ? intervalMs : 0)
        : agentLook(io, await dataDirectory(options, io));
    do {
      await io.stdout(`${begin}${await look()}`);
      if (!isOnce) await timers.sleep(intervalMs, io.signal);
    } while (!isOnce && !io.signal.aborted);
    return EXIT_DONE;
  },
});

type Look = () => Promise<string>;

function agentLook(io: CommandIo, directory: string): Look {
  return async () => statusText(await askStatus(io, directory), io.platform.clock.now());
}

/** The rates of a look are those since the one before; with `beforeMs` there is one before the first. */
async function aggregatorLook(io: CommandIo, endpoint: string, beforeMs: number): Promise<Look> {
  const { aggregatorStatusText, askAggregatorStatus } = await import(
    "../../aggregator/commands/aggregator-status.ts"
  );
  const { clock, timers } = io.platform;
  let before: { readonly status: AggregatorStatus; readonly atMs: number } | undefined;
  const look = async () => {
    const status = await askAggregatorStatus(io, endpoint);
    const atMs = clock.monotonic();
    const earlier = before && { status: before.status, elapsedMs: Math.max(1, atMs - before.atMs) };
    before = { status, atMs };
    return aggregatorStatusText(status, endpoint, earlier);
  };
  if (beforeMs > 0) {
    await look();
    await timers.sleep(beforeMs, io.signal);
  }
  return look;
}
