import { z } from "zod";
import { defineCommand, EXIT_DONE, parseOptions, UsageError } from "../../shared/command.ts";
import { parseBytes } from "../../shared/config/quantity.ts";

const optionsSchema = z.strictObject({
  size: z.string().prefault("256MB"),
  runs: z.coerce.number().int().min(1).max(100).prefault("3"),
});

/** `tailrace bench`: measures this build on this machine; only in a checkout, where the tests are. */
export const command = defineCommand({
  summary: "Measures scan, agent and aggregator against JSON.parse on this machine.",
  examples: [
    ["tailrace bench", "256 MB of generated lines, three runs of each"],
    ["tailrace bench --size 1GB --runs 1", "a gigabyte, once"],
  ],
  configure: (command) => {
    command
      .option("--size <bytes>", "bytes of log lines, such as 256MB (the default) or 1GiB")
      .option("--runs <count>", "runs of each candidate (default 3)");
  },
  run: async (_operands, given, io) => {
    const options = parseOptions(optionsSchema, given);
    const bytes = parseBytes(options.size);
    if (bytes === undefined || bytes < 1_000_000) {
      throw new UsageError("--size takes at least 1MB");
    }
    const { runBenchmark } = await import("../../test/benchmark/run-benchmark.ts");
    const { runs } = options;
    const { stdout, stderr, signal } = io;
    await runBenchmark({ bytes, runs, stdout, stderr, signal });
    return EXIT_DONE;
  },
});
