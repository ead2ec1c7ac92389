import { defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { TAP_STAGES, type TapAnswer } from "../admin/tap.ts";
import { askTap } from "./ask-agent.ts";
import { dataDirectory, dataDirectoryOptions } from "./data-directory.ts";

const LOOK_MS = 250;

/** `tailrace tap`: a live sample of what a running agent works on. */
export const command = defineCommand({
  summary: "Shows a live sample of what the agent on this host works on, as JSON lines.",
  examples: [
    ["tailrace tap --config agent.yaml", "lines as they are counted, until Ctrl-C"],
    ["tailrace tap --config agent.yaml --stage events --source app", "what these lines mean"],
    ["tailrace tap --config agent.yaml --stage windows --for 10s", "what is sealed in 10 seconds"],
  ],
  configure: (command) => {
    dataDirectoryOptions(command)
      .option("--stage <stage>", TAP_STAGES.join(", "), "lines")
      .option("--source <name>", "only this source (of lines and events)")
      .option("--for <duration>", "end after so long instead of at Ctrl-C");
  },
  run: async (_operands, options, io) => {
    const stage = TAP_STAGES.find((name) => name === options["stage"]);
    if (stage === undefined) throw new UsageError(`--stage takes ${TAP_STAGES.join(", ")}`);
    const { source } = options;
    const duration = options["for"];
    const forMs = typeof duration === "string" ? parseDurationMs(duration) : Infinity;
    if (forMs === undefined) throw new UsageError("--for takes a duration such as 10s");
    const directory = await dataDirectory(options, io);
    const asked = { stage, ...(typeof source === "string" ? { source } : {}) };
    const { clock, timers } = io.platform;
    const endMs = clock.monotonic() + forMs;
    let skippedBytes = 0;
    let before: Pick<TapAnswer, "positions" | "sequence"> = {};
    for (;;) {
      const answer = await askTap(io, directory, { ...asked, ...before });
      const { items, positions, sequence } = answer;
      for (const item of items) await io.stdout(`${JSON.stringify(item)}\n`);
      skippedBytes += answer.skippedBytes;
      before = {
        ...(positions === undefined ? {} : { positions }),
        ...(sequence === undefined ? {} : { sequence }),
      };
      if (io.signal.aborted || clock.monotonic() >= endMs) break;
      await timers.sleep(LOOK_MS, io.signal);
      if (io.signal.aborted) break;
    }
    if (skippedBytes > 0) io.stderr(`a sample: ${skippedBytes} bytes were passed over\n`);
    return EXIT_DONE;
  },
});
