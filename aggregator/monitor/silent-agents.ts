/** An agent and how long the log has not heard of it. */
export interface SeenAgent {
  readonly tenant: string;
  readonly agent: string;
  readonly silentMs: number;
}

/** Agents heard of within this are well: they are not looked at. */
const WELL_MS = 30_000;
/** Each may become an alert; so many fit into one commit. */
const AGENTS_PER_LOOK = 200;

/** Silent agents of one tenant, by name: for how many seconds nothing came of them. */
export interface AgentsLook {
  readonly tenant: string;
  readonly silent: Readonly<Record<string, number>>;
}

/**
 * Finds agents of which nothing came for a while. A fleet that is well costs nothing; one that is back is named once more, so that what fired
 * for it ends.
 */
export class SilentAgents {
  #before = new Set<string>();

  /** Looks at all agents; `firing` are those for which something fires. */
  look(
    agents: Iterable<SeenAgent>,
    firing: Iterable<Pick<SeenAgent, "tenant" | "agent">>,
  ): AgentsLook[] {
    const watched = new Set([...this.#before, ...[...firing].map(nameOf)]);
    const before = new Set<string>();
    const looks: { tenant: string; silent: Record<string, number>; count: number }[] = [];
    for (const one of agents) {
      const { silentMs } = one;
      if (silentMs >= WELL_MS) before.add(nameOf(one));
      else if (!watched.has(nameOf(one))) continue;
      let look = looks.findLast(({ tenant }) => tenant === one.tenant);
      if (look === undefined || look.count >= AGENTS_PER_LOOK) {
        look = { tenant: one.tenant, silent: {}, count: 0 };
        looks.push(look);
      }
      look.silent[one.agent] = Math.round(silentMs / 1_000);
      look.count++;
    }
    this.#before = before;
    return looks.map(({ tenant, silent }) => ({ tenant, silent }));
  }
}

function nameOf({ tenant, agent }: Pick<SeenAgent, "tenant" | "agent">): string {
  return JSON.stringify([tenant, agent]);
}
