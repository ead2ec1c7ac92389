import { defineCommand, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";
import { askStatus } from "./ask-agent.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";
import { statusText } from "./status-text.ts";

/** `tailrace status`: how a running agent stands, or with `--endpoint` an aggregator. */
export const command = defineCommand({
  summary: "Shows how the agent that runs on this host stands, or an aggregator.",
  examples: [
    ["tailrace status --config /etc/tailrace/agent.yaml", "exit 1 when it is not ready"],
    ["tailrace status --endpoint http://127.0.0.1:7400", "an aggregator: agents, sinks, alerts"],
    ["tailrace status --data-dir /var/lib/tailrace --output json", "everything, for scripts"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command)
      .option("--endpoint <url>", "of an aggregator instead of an agent")
      .option("--output <form>", "text or json", "text");
  },
  run: async (_operands, options, io) => {
    const { output } = options;
    if (output !== "text" && output !== "json") {
      throw new UsageError("--output takes text or json");
    }
    const { endpoint } = options;
    if (typeof endpoint === "string") {
      const { aggregatorStatusText, askAggregatorStatus } = await import(
        "../../aggregator/commands/aggregator-status.ts"
      );
      const status = await askAggregatorStatus(io, endpoint);
      await io.stdout(
        output === "json"
          ? `${JSON.stringify(status, null, 2)}\n`
          : aggregatorStatusText(status, endpoint, undefined),
      );
      return status.isReady ? EXIT_DONE : EXIT_FAILED;
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
