import { defineCommand, EXIT_DONE, EXIT_USAGE, UsageError } from "../../shared/command.ts";
import { resultNdjson, resultTable } from "../archive/result-text.ts";
import { withArchive } from "./open-archive.ts";

/** `tailrace query`: SQL over what an aggregator archived. */
export const command = defineCommand({
  summary:
    "Asks an archive in SQL (DuckDB's): views `events`, `deltas`, `holes` and `lines`. It only reads.",
  examples: [
    [
      `tailrace query --config aggregator.yaml --sql "SELECT service, sum(request_count) FROM deltas GROUP BY ALL"`,
      "requests by service",
    ],
    [
      `tailrace query --archive DIR --output ndjson --sql "SELECT * FROM events WHERE fields->>'userId' = '7'"`,
      "the events of a user as JSON lines",
    ],
    [`tailrace query --archive DIR --sql "DESCRIBE deltas"`, "the columns of a view"],
  ],
  configure: (command) => {
    command
      .requiredOption("--sql <select>", "one SELECT")
      .option("--archive <dir>", "the archive's folder")
      .option("--config <file>", "the configuration of the aggregator that writes it")
      .option("--output <form>", "table or ndjson", "table");
  },
  run: (_operands, options, io) => {
    const output = String(options["output"]);
    if (output !== "table" && output !== "ndjson") {
      throw new UsageError(`--output ${output} is not one of table, ndjson`);
    }
    return withArchive(options, io, async (reader) => {
      const result = await reader.select(String(options["sql"]));
      if (typeof result === "string") {
        io.stderr(`tailrace query: ${result}\n`);
        return EXIT_USAGE;
      }
      const pieces = output === "table" ? resultTable(result) : resultNdjson(result);
      for await (const text of pieces) await io.stdout(text);
      return EXIT_DONE;
    });
  },
});
