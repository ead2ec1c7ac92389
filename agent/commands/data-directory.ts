/** The data directory that a command looks into: named itself, or by the agent's configuration. */
import type { Command } from "commander";
import { type CommandIo, UsageError } from "../../shared/command.ts";
import type { ConfigFault } from "../../shared/config/load.ts";
import { loadConfigFiles } from "../../shared/config/load-files.ts";
import { otherDaemonHint } from "../../shared/config/other-daemon.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemCode, systemReason } from "../../shared/errors.ts";
import { agentConfig } from "../config.ts";

/** Where the packages have the service's configuration. */
const CONFIG_DEFAULT = "/etc/tailrace/agent.yaml";

/** Declares `--config` and `--data-dir`. */
export function dataDirectoryOptions(command: Command): Command {
  return command
    .option(
      "--config <file>",
      `the agent's configuration, which names its data directory (default: ${CONFIG_DEFAULT})`,
    )
    .option("--data-dir <folder>", "the data directory itself");
}

/** The directory that the options name, or that of the service. Throws {@link UsageError} when there are two, or when it is not there. */
export async function dataDirectory(
  options: Readonly<Record<string, unknown>>,
  io: CommandIo,
): Promise<string> {
  const { dataDir } = options;
  if (typeof options["config"] === "string" && typeof dataDir === "string") {
    throw new UsageError("name one of --config FILE and --data-dir FOLDER, not both");
  }
  const file = options["config"] ?? (dataDir === undefined ? CONFIG_DEFAULT : undefined);
  const directory =
    typeof file === "string" ? await configuredDirectory(file, io) : String(dataDir);
  try {
    const { kind } = await io.platform.disk.stat(directory);
    if (kind !== "directory") throw new UsageError(`${directory} is no folder`);
  } catch (error) {
    throw new UsageError(`${directory} ${whyUnreadable(error)}`);
  }
  return directory;
}

/** What the system's refusal means for whoever asks. Other errors are thrown on. */
function whyUnreadable(error: unknown): string {
  switch (systemCode(error)) {
    case undefined:
      throw error;
    case "ENOENT":
      return "is not there: no agent has run with it yet";
    case "EACCES":
      return "cannot be read by this user: run this as root, or as the agent's user";
    default:
      return `cannot be read: ${systemReason(error)}`;
  }
}

async function configuredDirectory(file: string, io: CommandIo): Promise<string> {
  const { disk } = io.platform;
  const places = { disk, environment: io.environment };
  const { config, faults } = await loadConfigFiles(agentConfig, file, places);
  if (faults !== undefined) {
    throw new UsageError(`${faultLines(faults).trimEnd()}${advice(faults, file)}`);
  }
  return config.data_dir;
}

function advice(faults: readonly ConfigFault[], file: string): string {
  if (otherDaemonHint(faults, "agent", file) !== "") {
    return "\nThis looks like the configuration of an aggregator: `status` and `top` look into one with --endpoint http://HOST:PORT.";
  }
  return file === CONFIG_DEFAULT ? "\nName the agent with --config FILE or --data-dir FOLDER." : "";
}
