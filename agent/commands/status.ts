import { defineCommand, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";
import { askStatus } from "./ask-agent.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";
import { statusText } from "./status-text.ts";

/** `tailrace status`: how a running agent stands. */
export const command = defineCommand({
  summary: "Shows how the agent that runs on this host stands.",
  examples: [
    ["tailrace status --config /etc/tailrace/agent.yaml", "exit 1 when it is not ready"],
    ["tailrace status --data-dir /var/lib/tailrace --output json", "everything, for scripts"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command).option("--output <form>", "text or json", "text");
  },
  run: async (_operands, options, io) => {
    const { output } = options;
    if (output !== "text" && output !== "json") {
      throw new UsageError("--output takes text or json");
    }
    const status = await askStatus(io, await dataDirectory(options, io));
    await io.stdout(
      output === "json"
        ? `${JSON.stringify(status, null, 2)}\n`
        : statusText(status, io.platform.clock.now()),
    );
    return status.isReady ? EXIT_DONE : EXIT_FAILED;
  },
});
