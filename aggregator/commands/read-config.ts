import type { CommandIo } from "../../shared/command.ts";
import { loadConfigFile } from "../../shared/config/load-files.ts";
import { otherDaemonHint } from "../../shared/config/other-daemon.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { type AggregatorConfig, aggregatorConfig } from "../config.ts";

/** Reads and checks an aggregator.yaml, with the secrets that it names. Undefined: something is wrong, and was said. */
export async function readConfig(
  file: string,
  io: CommandIo,
): Promise<AggregatorConfig | undefined> {
  const places = { disk: io.platform.disk, environment: io.environment };
  const { config, faults } = await loadConfigFile(aggregatorConfig, file, places);
  if (faults === undefined) return config;
  io.stderr(faultLines(faults));
  io.stderr(otherDaemonHint(faults, "aggregator", file));
  return undefined;
}
