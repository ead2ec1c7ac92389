/** The commented agent.yaml for a host. */
import type { FoundLogs, HostLogs } from "./look-at-host.ts";

/** What a configuration says besides the sources. */
export interface ConfigFacts {
  readonly id: string;
  readonly dataDirectory: string;
  readonly endpoint: string;
}

/** A configuration that works as it is, and says in comments what was found and left out. */
export function writeConfig(host: HostLogs, facts: ConfigFacts): string {
  const usable = host.logs.filter(({ format }) => format !== undefined);
  const others = host.logs.filter(({ format }) => format === undefined);
  const lines = [
    "# The tailrace agent on this host. Check changes with `tailrace validate`; a running agent takes them over by itself.",
    "# More sources may stand in conf.d/*.yaml beside this file. All settings: `tailrace schema agent`, or REFERENCE.md (of the packages in /usr/share/doc/tailrace).",
    "",
    "# Name of this agent in the aggregator; unique in the fleet. Changing it needs a restart.",
    `id: ${JSON.stringify(facts.id)}`,
    "# The disk queue: what was counted and is not yet applied. Changing it needs a restart.",
    `data_dir: ${JSON.stringify(facts.dataDirectory)}`,
    "",
    "# Addresses of the aggregator; several are doors to the same one.",
    "ship:",
    `  endpoints: [${JSON.stringify(facts.endpoint)}]`,
    "",
  ];
  if (host.services.length > 0) lines.push(`# Running here: ${host.services.join(", ")}.`);
  lines.push("sources:");
  if (usable.length === 0 && !host.hasJournal) {
    lines.push(
      "  # No log with events was found below /var/log. Put the paths of yours here:",
      ...sourceLines({ name: "app", paths: ["/var/log/app/*.log"], format: "auto" }),
    );
  }
  for (const { name, paths, format, fileCount } of usable) {
    lines.push(`  # ${countOf(fileCount)} with ${format} events`);
    lines.push(...sourceLines({ name, paths, format: format ?? "auto" }));
  }
  lines.push(...journalLines(host), ...hostLines(host));
  if (others.length > 0) lines.push("", "# Left out:");
  for (const found of others) lines.push(`# - ${found.paths.join(", ")}: ${whyNot(found)}`);
  return `${lines.join("\n")}\n`;
}

/** What syslog's files hold stands in the journal, too: reading both would count it twice. */
function journalLines({ hasJournal, logs }: HostLogs): string[] {
  if (!hasJournal) return [];
  const source = ["  - name: journal", "    type: journald"];
  const syslog = logs.find(({ name, format }) => name === "syslog" && format !== undefined);
  if (syslog === undefined) {
    return [
      "  # The systemd journal; the agent's user has to be in the group systemd-journal.",
      ...source,
    ];
  }
  return [
    `  # The systemd journal has what stands in ${syslog.paths.join(", ")}, and more; to read it instead of these files:`,
    ...source.map((line) => line.replace("  ", "  # ")),
  ];
}

function hostLines({ hasProc }: HostLogs): string[] {
  if (!hasProc) return [];
  return [
    "  # CPU, memory, disks, file systems, network, load and pressure of this host, as the stream system-metrics",
    "  - name: host",
    "    type: host",
  ];
}

function sourceLines({
  name,
  paths,
  format,
}: {
  readonly name: string;
  readonly paths: readonly string[];
  readonly format: string;
}): string[] {
  return [
    `  - name: ${JSON.stringify(name)}`,
    "    type: file",
    `    paths: [${paths.map((path) => JSON.stringify(path)).join(", ")}]`,
    `    format: ${format}`,
  ];
}

function countOf(count: number): string {
  return count === 1 ? "1 file" : `${count} files`;
}

function whyNot({ unreadable, fileCount }: FoundLogs): string {
  if (unreadable === undefined) return `${countOf(fileCount)} without lines that are events`;
  const advice =
    unreadable === "EACCES" ? "; the agent's user has to be in its group, often `adm`" : "";
  return `${countOf(fileCount)} that cannot be read here (${unreadable})${advice}`;
}
