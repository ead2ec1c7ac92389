import { resolve } from "node:path";
import { z } from "zod";
import { defineCommand, EXIT_DONE, UsageError } from "../../shared/command.ts";
import { askAggregator, ENDPOINT_DEFAULT } from "./ask-aggregator.ts";

const made = z.object({ directory: z.string(), stateBytes: z.int(), createdAt: z.string() });

/** `tailrace backup`: has a running aggregator write its state into a folder. */
export const command = defineCommand({
  summary: "Writes the state of a running aggregator on this machine into a new folder.",
  examples: [
    ["tailrace backup /backup/tailrace-2026-11-26", "while it goes on; `restore` takes it back"],
    ["tailrace backup DIR --endpoint http://127.0.0.1:7401", "of the aggregator at that address"],
  ],
  configure: (command) => {
    command
      .argument("<folder>", "where to; made when absent, and empty otherwise")
      .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: async ([folder], options, io) => {
    if (folder === undefined) throw new UsageError("name the folder of the backup");
    const directory = resolve(folder);
    const answer = await askAggregator(io, String(options["endpoint"]), "/v1/backup", {
      directory,
    });
    const { createdAt, stateBytes } = made.parse(answer);
    const mib = (stateBytes / 2 ** 20).toFixed(1);
    io.stderr(`backed up to ${directory}: the state as of ${createdAt}, ${mib} MiB\n`);
    return EXIT_DONE;
  },
});
