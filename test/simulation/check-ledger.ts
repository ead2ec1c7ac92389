import type { FleetAgent } from "./fleet.ts";
import type { ObservedAgent } from "./observer.ts";

/** The sides of the ledger on which a line can stand; `noted` stands beside the balance. */
const SIDES = ["aggregated", "filtered", "rejected", "lost", "held"] as const;

/** The first agent whose ledger is not what was written, in lines and bytes, or undefined. */
export function compareLedger(
  observed: readonly ObservedAgent[],
  agents: readonly FleetAgent[],
): string | undefined {
  for (const agent of agents) {
    const found = observed.find((entry) => entry.agent === agent.id);
    const written = { lines: 0, bytes: 0, events: 0, blank: 0, broken: 0 };
    for (const { totals } of agent.writers) {
      written.lines += totals.lines;
      written.bytes += totals.bytes;
      written.events += totals.events;
      written.blank += totals.blank;
      written.broken += totals.broken;
    }
    const sums = { lines: 0, bytes: 0 };
    const lines = { aggregated: 0, filtered: 0, rejected: 0, lost: 0, held: 0 };
    for (const entry of found?.ledger ?? []) {
      for (const side of SIDES) {
        if (entry.kind !== side) continue;
        lines[side] += entry.lines;
        sums.lines += entry.lines;
        sums.bytes += entry.bytes;
      }
    }
    const isRight =
      sums.lines === written.lines &&
      sums.bytes === written.bytes &&
      lines.aggregated === written.events &&
      lines.filtered === written.blank &&
      lines.rejected === written.broken;
    if (isRight) continue;
    const entries = (found?.ledger ?? []).map(
      ({ kind, reason, lines: count, bytes }) => `${kind} ${reason} ${count} lines ${bytes} bytes`,
    );
    return `the ledger of ${agent.id} is ${JSON.stringify(sums)} (${entries.join(", ")}), written were ${JSON.stringify(written)}`;
  }
  return undefined;
}
