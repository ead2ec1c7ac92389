import { isSelected } from "./event-witness.ts";
import type { ObservedAgent, ObservedLine } from "./observer.ts";
import type { Recount } from "./recount.ts";

/** Raw lines that the agents of some seeds send: those of the levels that are errors, as many as there are. */
export const LINES = { lines_per_second: 100_000, bytes_per_second: "64MiB" } as const;

/**
 * The first agent of which a raw line is stored that was never written, or twice, or one is missing that was not shed; undefined when all are
 * there.
 */
export function compareLines(
  lines: readonly ObservedLine[],
  agents: readonly ObservedAgent[],
  recount: Recount,
): string | undefined {
  const ids = new Set<string>();
  for (const { agent, ledger } of agents) {
    const written = recount.selected.get(agent) ?? new Set<string>();
    const seen = new Set<string>();
    for (const line of lines) {
      if (line.agent !== agent) continue;
      const { file, line: number, level } = JSON.parse(line.line);
      const name = `${file} ${number}`;
      if (ids.has(line.id) || seen.has(name)) return `line ${name} of ${agent} is stored twice`;
      if (!written.has(name) || !isSelected(level) || level !== line.level)
        return `line ${name} of ${agent} was never written`;
      ids.add(line.id);
      seen.add(name);
    }
    const countOf = (kind: string) =>
      ledger.reduce((sum, entry) => (entry.kind === kind ? sum + entry.lines : sum), 0);
    const [selected, sent] = [countOf("lines_selected"), countOf("lines_sent")];
    const isRight =
      selected === written.size && sent === seen.size && selected === sent + countOf("lines_shed");
    if (isRight) continue;
    return `the lines of ${agent}: ${written.size} were written, the ledger says that ${selected} were selected and ${sent} sent, ${seen.size} are stored`;
  }
  return undefined;
}
