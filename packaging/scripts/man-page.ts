import { Command } from "commander";
import type { CommandDefinition } from "../../shared/command.ts";

/** What the page says of the program. */
export interface PageFacts {
  readonly version: string;
  readonly summary: string;
}

const PLACES = [
  [
    "/etc/tailrace/agent.yaml",
    "What the agent's service reads and where it ships; it starts only when this file is there.",
  ],
  ["/etc/tailrace/conf.d/*.yaml", "Continues the lists of agent.yaml, such as its sources."],
  [
    "/etc/tailrace/aggregator.yaml",
    "What the aggregator's service does; it starts only when this file is there.",
  ],
  ["/etc/tailrace/environment", "Variables of the environment for both services, only for root."],
  ["/var/lib/tailrace", "What the agent counted and could not deliver yet, and its positions."],
  ["/var/lib/tailrace-aggregator", "Windows, alerts and the log of what agents sent."],
  ["/usr/share/tailrace", "Rules to begin with, and JSON Schemas of the configuration files."],
  ["/usr/share/doc/tailrace/REFERENCE.md", "Every setting and every error."],
] as const;

const VARIABLES = [
  ["NO_COLOR", "Tables have no colours."],
  ["CREDENTIALS_DIRECTORY", "Where systemd puts what a setting names as credential:NAME."],
  ["XDG_CACHE_HOME", "Compiled code of the program is kept in its folder tailrace."],
] as const;

const STATUSES = [
  ["0", "Done."],
  ["1", "Failed."],
  ["2", "Wrong usage or configuration; nothing was done."],
] as const;

/** The manual page of the program in roff, from what its commands say of themselves. */
export function manPage(
  facts: PageFacts,
  commands: ReadonlyMap<string, CommandDefinition>,
): string {
  return [
    `.\\" Made by npm run generate; do not edit.`,
    `.TH TAILRACE 1 "" "tailrace ${text(facts.version)}" "User Commands"`,
    ".SH NAME",
    "tailrace \\- turns logs into exact per\\-minute numbers",
    ".SH SYNOPSIS",
    ".B tailrace",
    "\\fICOMMAND\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    text(facts.summary),
    ".SH COMMANDS",
    ...[...commands].flatMap(([name, definition]) => commandLines(name, definition)),
    ...section("FILES", PLACES),
    ...section("ENVIRONMENT", VARIABLES),
    ...section("EXIT STATUS", STATUSES),
    "",
  ].join("\n");
}

function commandLines(name: string, definition: CommandDefinition): string[] {
  const command = new Command(name);
  definition.configure(command);
  const options = command.options.flatMap(({ flags, description }) => [
    ".TP",
    `\\fB${text(flags)}\\fR`,
    text(description),
  ]);
  const examples = definition.examples.flatMap(([line, does]) => [
    ".PP",
    `\\fB${text(line)}\\fR`,
    ".br",
    `${text(does[0]?.toUpperCase() ?? "")}${text(does.slice(1))}.`,
  ]);
  return [
    `.SS tailrace ${text(name)} ${text(command.usage())}`,
    text(definition.summary),
    ...options,
    ...examples,
  ];
}

function section(title: string, entries: readonly (readonly [string, string])[]): string[] {
  const lines = entries.flatMap(([name, does]) => [".TP", `\\fB${text(name)}\\fR`, text(does)]);
  return [`.SH ${title}`, ...lines];
}

/** Text as roff shows it: no dash, dot or backslash of it is a command. */
function text(words: string): string {
  const safe = words.replaceAll("\\", "\\e").replaceAll("-", "\\-").replaceAll("\n", " ");
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
