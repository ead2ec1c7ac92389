import { resolve } from "node:path";
import {
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { systemCode, TailraceError } from "../../shared/errors.ts";
import { restoreBackup } from "../backup/restore-backup.ts";
import { readConfig } from "./read-config.ts";

/** `tailrace restore`: puts a backup in the place of an aggregator's state. */
export const command = defineCommand({
  summary:
    "Puts a backup in the place of a stopped aggregator's state; agents then send what is missing.",
  examples: [
    [
      "tailrace restore /backup/tailrace-2026-11-26 --config aggregator.yaml",
      "into an empty data_dir",
    ],
    ["tailrace restore DIR --config a.yaml --replace", "a state that is there is put aside"],
  ],
  configure: (command) => {
    command
      .argument("<folder>", "the backup")
      .requiredOption("--config <file>", "the configuration of the aggregator")
      .option("--replace", "put a state that is there aside, into before-restore-TIME in data_dir");
  },
  run: async ([folder], options, io) => {
    if (folder === undefined) throw new UsageError("name the folder of the backup");
    const config = await readConfig(String(options["config"]), io);
    if (config === undefined) return EXIT_USAGE;
    const { dataDir, archive } = config;
    try {
      const { createdAt, movedTo } = await restoreBackup(io.platform, {
        backup: resolve(folder),
        dataDir,
        archive: archive?.directory,
        mayReplace: options["replace"] === true,
      });
      io.stderr(`restored the state as of ${createdAt} into ${dataDir}\n`);
      if (movedTo !== undefined) io.stderr(`what was there before is in ${movedTo}\n`);
      io.stderr(
        "start the aggregator: agents send again what came after the backup, as far as they can\n",
      );
      return EXIT_DONE;
    } catch (error) {
      if (!(error instanceof TailraceError) && systemCode(error) === undefined) throw error;
      io.stderr(`tailrace restore: ${error instanceof Error ? error.message : String(error)}\n`);
      return EXIT_FAILED;
    }
  },
});
