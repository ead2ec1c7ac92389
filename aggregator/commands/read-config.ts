import type { CommandIo } from "../../shared/command.ts";
import { loadConfig } from "../../shared/config/load.ts";
import { faultLines } from "../../shared/config/report-faults.ts";
import { systemReason } from "../../shared/errors.ts";
import { readWholeFile } from "../../shared/platform/read-whole-file.ts";
import { type AggregatorConfig, aggregatorConfig } from "../config.ts";

/** Reads and checks an aggregator.yaml. Undefined: something is wrong, and was said. */
export async function readConfig(
  file: string,
  io: CommandIo,
): Promise<AggregatorConfig | undefined> {
  let text: string;
  try {
    text = (await readWholeFile(io.platform.disk, file)).toString("utf8");
  } catch (error) {
    io.stderr(`${file}: cannot be read: ${systemReason(error)}\n`);
    return undefined;
  }
  const { config, faults } = loadConfig(aggregatorConfig, text, file);
  if (faults !== undefined) io.stderr(faultLines(faults));
  return config;
}
