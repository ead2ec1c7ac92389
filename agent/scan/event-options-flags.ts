import type { Command } from "commander";
import { UsageError } from "../../shared/command.ts";
import { nearestName } from "../../shared/config/nearest-name.ts";
import {
  DURATION_UNITS,
  type DurationUnit,
  EVENT_OPTIONS_DEFAULT,
  type LineOption,
  type LineOptions,
  type MultilineOptions,
} from "../../shared/events/event-options.ts";
import { LAYOUT_NAMES, parseLayout } from "../../shared/time/time-layout.ts";
import { isTimeZone } from "../../shared/time/time-zone.ts";
import { patternFault } from "../parsers/pattern-fault.ts";
import {
  FORMAT_NAMES,
  type FormatName,
  isFormatName,
  lineOptionFaults,
} from "../parsers/registry.ts";

/** What the flags of `scan` and `parse` say of the format of lines. */
export interface FormatFlags extends LineOptions {
  readonly format: FormatName;
  readonly timezone: string;
  readonly durationUnit: DurationUnit;
  readonly multiline?: MultilineOptions;
}

/** Declares the flags that {@link formatFlags} reads. */
export function addFormatFlags(command: Command): void {
  command
    .option("--format <format>", `format of the lines: ${FORMAT_NAMES.join(", ")}`, "auto")
    .option(
      "--timezone <zone>",
      "zone of times without one, such as Europe/Berlin or UTC (default: this host's)",
    )
    .option("--duration-unit <unit>", `unit of durations: ${DURATION_UNITS.join(", ")}`, "ms")
    .option(
      "--time-format <layout>",
      `how times are written, such as "dd.MM.yyyy HH:mm:ss", or ${LAYOUT_NAMES.join(", ")}`,
    )
    .option("--pattern <pattern>", "how lines are written, for regex, grok and dissect")
    .option("--columns <names>", "names of the columns with commas between, for csv")
    .option("--delimiter <character>", "what stands between two values, for csv (default: a comma)")
    .option(
      "--multiline <how>",
      "auto, off, or a regular expression of the lines that begin an event",
      "auto",
    )
    .option("--inner <format>", "format of the lines inside of docker and cri (default: auto)");
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

/** The checked flags. Fails with UsageError. */
export function formatFlags(options: Readonly<Record<string, unknown>>): FormatFlags {
  const format = textFlag(options, "format", "auto");
  if (!isFormatName(format)) {
    const nearest = nearestName(format, [...FORMAT_NAMES]);
    const hint = nearest === undefined ? "" : `; did you mean ${nearest}?`;
    throw new UsageError(`--format ${format} is not one of ${FORMAT_NAMES.join(", ")}${hint}`);
  }
  const timezone = textFlag(options, "timezone", "host");
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
  const multiline = multilineFlag(textFlag(options, "multiline", "auto"));
  return { format, timezone, durationUnit, multiline, ...lineFlags(options, format) };
}

function multilineFlag(how: string): MultilineOptions {
  if (how === "auto" || how === "off") return { mode: how };
  const fault = patternFault(how);
  if (fault !== undefined) {
    throw new UsageError(`--multiline ${how} is neither auto, off nor a pattern: ${fault}`);
  }
  return { start: how };
}

/** The flags that only some formats have. */
function lineFlags(options: Readonly<Record<string, unknown>>, format: FormatName): LineOptions {
  const given = (name: string): string | undefined =>
    options[name] === undefined ? undefined : textFlag(options, name, "");
  const timeFormat = given("timeFormat");
  const layout = parseLayout(timeFormat ?? "iso8601");
  if (typeof layout === "string") {
    throw new UsageError(`--time-format ${timeFormat} is no layout of a time: ${layout}`);
  }
  const lineOptions: LineOptions = {
    timeFormats: timeFormat === undefined ? undefined : [timeFormat],
    pattern: given("pattern"),
    columns: given("columns")?.split(","),
    delimiter: given("delimiter")?.replace("\\t", "\t"),
    inner: given("inner"),
  };
  const [fault] = lineOptionFaults(format, { ...EVENT_OPTIONS_DEFAULT, ...lineOptions });
  if (fault !== undefined) {
    throw new UsageError(`${FLAGS[fault.option]} with --format ${format}: ${fault.fault}`);
  }
  return lineOptions;
}

const FLAGS: Readonly<Record<LineOption, string>> = {
  columns: "--columns",
  delimiter: "--delimiter",
  inner: "--inner",
  pattern: "--pattern",
  patterns: "--pattern",
  timeFormats: "--time-format",
};
