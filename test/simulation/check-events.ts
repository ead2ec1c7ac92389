import { type EventWitness, isSelected } from "./event-witness.ts";
import type { FleetAgent } from "./fleet.ts";
import type { ObservedAgent } from "./observer.ts";
import type { Recount } from "./recount.ts";

/**
 * The first agent whose history does not hold every selected event exactly once, or counted as shed and covered by a hole; undefined when
 * all do.
 */
export function compareEvents(
  observed: readonly ObservedAgent[],
  agents: readonly Pick<FleetAgent, "id">[],
  recount: Recount,
  witness: EventWitness,
): string | undefined {
  for (const { id } of agents) {
    const found = observed.find((entry) => entry.agent === id);
    if (found === undefined) return `${id} is unknown`;
    const history = witness.historyOf(id, { ...found.mark, epoch: found.epoch });
    if (typeof history === "string") return `the events of ${id}: ${history}`;
    const difference = compareAgent(found, recount.selected.get(id) ?? new Set(), history);
    if (difference !== undefined) return `the events of ${id}: ${difference}`;
  }
  return undefined;
}

function compareAgent(
  found: ObservedAgent,
  written: ReadonlySet<string>,
  { events, holes }: Exclude<ReturnType<EventWitness["historyOf"]>, string>,
): string | undefined {
  const names = new Set<string>();
  const lines = new Set<string>();
  for (const event of events) {
    const { source, file, generation, offset, index } = event;
    const name = JSON.stringify([source, file, generation, offset, index]);
    if (names.has(name)) return `${name} came twice`;
    names.add(name);
    const line = `${event.fields["file"]} ${event.fields["line"]}`;
    if (!isSelected(String(event.fields["level"]))) return `${line} was not asked for`;
    if (!written.has(line)) return `${line} was never written`;
    if (lines.has(line)) return `${line} came twice, as ${name} and another`;
    lines.add(line);
  }
  const countOf = (kind: string) =>
    found.ledger.reduce((sum, entry) => (entry.kind === kind ? sum + entry.lines : sum), 0);
  const facts = {
    selected: countOf("events_selected"),
    sent: countOf("events_sent"),
    shed: countOf("events_shed"),
    inHoles: holes.reduce((sum, hole) => sum + hole.count, 0),
  };
  const isRight =
    facts.selected === written.size &&
    facts.sent === lines.size &&
    facts.shed === facts.inHoles &&
    facts.selected === facts.sent + facts.shed;
  if (isRight) return undefined;
  const missing = [...written].filter((line) => !lines.has(line)).slice(0, 5);
  return `${JSON.stringify(facts)}, ${written.size} were written and ${lines.size} came; missing ${missing.join(", ")}`;
}
