import { defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { askStatus } from "./ask-agent.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";
import { statusText } from "./status-text.ts";

/** Puts the cursor to the upper left and clears what is below it. */
const HOME = "\u001b[H\u001b[J";

/** `tailrace top`: how a running agent stands, again and again. */
export const command = defineCommand({
  summary: "Shows live how the agent that runs on this host stands.",
  examples: [
    ["tailrace top --config /etc/tailrace/agent.yaml", "until Ctrl-C"],
    ["tailrace top --data-dir /var/lib/tailrace --once", "one frame, as text"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command)
      .option("--interval <duration>", "how often to look", "1s")
      .option("--once", "show one frame and exit", false);
  },
  run: async (_operands, options, io) => {
    const intervalMs = parseDurationMs(String(options["interval"])) ?? 0;
    if (intervalMs < 100) {
      throw new UsageError("--interval takes a duration of at least 100ms, such as 1s");
    }
    const directory = await dataDirectory(options, io);
    const { clock, timers } = io.platform;
    const isOnce = options["once"] === true;
    const begin = isOnce || !io.isTerminal ? "" : HOME;
    do {
      const status = await askStatus(io, directory);
      await io.stdout(`${begin}${statusText(status, clock.now())}`);
      if (!isOnce) await timers.sleep(intervalMs, io.signal);
    } while (!isOnce && !io.signal.aborted);
    return EXIT_DONE;
  },
});
