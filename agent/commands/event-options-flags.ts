import type { Command } from "commander";
import { UsageError } from "../../shared/command.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import { DURATION_UNITS, type DurationUnit } from "../../shared/events/event-options.ts";
import { isTimeZone } from "../../shared/time/time-zone.ts";
import { FORMAT_NAMES, type FormatName, isFormatName } from "../parsers/registry.ts";

/** What the flags of `scan` and `parse` say of the format of lines. */
export interface FormatFlags {
  readonly format: FormatName;
  readonly timezone: string;
  readonly durationUnit: DurationUnit;
}

/** Declares the flags that {@link formatFlags} reads. */
export function addFormatFlags(command: Command): void {
  command
    .option("--format <format>", `format of the lines: ${FORMAT_NAMES.join(", ")}`, "auto")
    .option(
      "--timezone <zone>",
      "zone of times without one, such as Europe/Berlin or UTC (default: this host's)",
    )
    .option("--duration-unit <unit>", `unit of durations: ${DURATION_UNITS.join(", ")}`, "ms");
}

/** The text of a flag as commander parsed it, or `otherwise` when it was not given. */
export function textFlag(
  options: Readonly<Record<string, unknown>>,
  name: string,
  otherwise: string,
): string {
  const value = options[name];
  return typeof value === "string" ? value : otherwise;
}

/** The checked flags. Fails with UsageError. `hostTimezone` stands in when no zone is given. */
export function formatFlags(
  options: Readonly<Record<string, unknown>>,
  hostTimezone: string,
): FormatFlags {
  const format = textFlag(options, "format", "auto");
  if (!isFormatName(format)) {
    const nearest = nearestName(format, [...FORMAT_NAMES]);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    throw new UsageError(`--format ${format} is not one of ${FORMAT_NAMES.join(", ")}${hint}`);
  }
  const timezone = textFlag(options, "timezone", hostTimezone);
  if (!isTimeZone(timezone)) {
    throw new UsageError(
      `--timezone ${timezone} is no time zone; expected one such as Europe/Berlin, UTC or +02:00`,
    );
  }
  const unitText = textFlag(options, "durationUnit", "ms");
  const durationUnit = DURATION_UNITS.find((unit) => unit === unitText);
  if (durationUnit === undefined) {
    throw new UsageError(`--duration-unit ${unitText} is not one of ${DURATION_UNITS.join(", ")}`);
  }
  return { format, timezone, durationUnit };
}
