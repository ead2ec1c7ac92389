import { defineCommand, UsageError } from "../../shared/command.ts";
import { listOptions, command as query } from "./query.ts";

/** `tailrace export csv`: `query --output csv` under the name by which people look for it. */
export const command = defineCommand({
  summary: "Writes windows, alerts or lines of a running aggregator for a spreadsheet.",
  examples: [
    [
      "tailrace export csv windows --from 30d --step 1d > days.csv",
      "the days of a month; no text in it is a formula",
    ],
    ["tailrace export csv alerts --from 24h", "the alerts of a day"],
  ],
  configure: (command) => {
    listOptions(command.argument("<form>", "csv").argument("<what>", "windows, alerts or lines"));
  },
  run: async ([form, what = ""], options, io) => {
    if (form !== "csv") throw new UsageError("the only form is csv: `tailrace export csv windows`");
    return query.run([what], { ...options, output: "csv" }, io);
  },
});
