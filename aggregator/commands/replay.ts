import { defineCommand, EXIT_DONE } from "../../shared/command.ts";
import { askAggregator, ENDPOINT_DEFAULT } from "./ask-aggregator.ts";
import { timeFlag } from "./time-flag.ts";

/** `tailrace replay`: has a running aggregator write a store anew from its own state. */
export const command = defineCommand({
  summary: "Writes a sink's store anew from the aggregator's state.",
  examples: [
    [
      "tailrace replay --sink hot --from 2026-11-20T00:00:00Z",
      "all windows over after that moment",
    ],
    ["tailrace replay --sink hot --from 1970-01-01T00:00:00Z", "everything that is still kept"],
  ],
  configure: (command) => {
    command
      .requiredOption("--sink <name>", "the sink, as the configuration names it")
      .requiredOption(
        "--from <time>",
        "such as 2026-11-20T10:00:00Z, or 1h ago; older windows are left as they are",
      )
      .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: async (_operands, options, io) => {
    const [sink, endpoint] = [options["sink"], options["endpoint"]].map(String);
    const fromMs = timeFlag("--from", options["from"], io.platform.clock.now());
    const from = new Date(fromMs ?? 0).toISOString();
    await askAggregator(io, endpoint ?? ENDPOINT_DEFAULT, "/v1/sinks/replay", { sink, from });
    io.stderr(`${sink} is being written from ${from} on; GET /v1/sinks shows how far it is\n`);
    return EXIT_DONE;
  },
});
