import type { ConfigFault } from "./load.ts";

/** Keys that only the configuration of one daemon has. */
const OWN_KEYS = {
  agent: ["ship", "flush_interval", "poll_interval", "spool", "id"],
  aggregator: ["listen", "sinks", "windows_retention", "rollups_retention", "rules", "limits"],
} as const;

/** One line to say below faults when a file is rather the configuration of the other daemon than of `daemon`; empty when it is not. */
export function otherDaemonHint(
  faults: readonly ConfigFault[],
  daemon: keyof typeof OWN_KEYS,
  file: string,
): string {
  const other = daemon === "agent" ? "aggregator" : "agent";
  const keys: readonly string[] = OWN_KEYS[other];
  const isOther = faults.some(
    ({ path, message }) => message.startsWith("unknown key") && keys.includes(path),
  );
  if (!isOther) return "";
  return `this looks like the configuration of an ${other}: tailrace ${other} --config ${file}\n`;
}
