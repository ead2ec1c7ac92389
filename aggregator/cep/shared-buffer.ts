/**
 * The events that partial matches hold, shared between them (Agrawal et al., "Efficient Pattern Matching over Event Streams", SIGMOD 2008,
 * section 4.2; Flink's `SharedBuffer`).
 *
 * In the paper and in Flink the buffer is a graph in a key-value store: a node (stage, event) has one edge per partial match that came
 * through it, and a Dewey number on each edge and partial match tells which edges belong together. Here a partial match points at its
 * newest link directly, and each link at the one before: an edge is named by its reference, and a version would only encode it a second
 * time. So a path cannot be taken for another one, nothing is compared to find it, and a partial match that only waits keeps its very
 * object. What stays of the original is the counting of references: a link lives while a partial match or a later link points at it, an
 * event while a link does, and both counts bound the state of a key.
 */
import { assert } from "../../shared/assert.ts";
import type { ExpressionEvent } from "../../shared/expression/compile.ts";

/** An event as rules see it. */
export type CepEvent = ExpressionEvent;

/** An event that at least one stage took. */
export interface HeldEvent {
  readonly event: CepEvent;
  /** Rises with every event taken of the key: the order of events of equal time is that in which they were first taken (Flink's `EventId`). */
  readonly order: number;
  /** Links to it. */
  references: number;
}

/** One event taken for one stage by one partial match, and what was taken before. */
export interface Link {
  readonly stage: string;
  readonly held: HeldEvent;
  readonly before: Link | undefined;
  /** Partial matches and later links that point at it. */
  references: number;
}

/** Counts what the partial matches of one key hold. */
export class SharedBuffer {
  /** Events that are held. */
  eventCount = 0;
  /** Links that are held. */
  linkCount = 0;
  #nextOrder: number;

  constructor(nextOrder = 0) {
    this.#nextOrder = nextOrder;
  }

  /** Order of the next event that is taken. */
  get nextOrder(): number {
    return this.#nextOrder;
  }

  /** Registers an event; it counts as held once it is linked. */
  hold(event: CepEvent): HeldEvent {
    return { event, order: this.#nextOrder++, references: 0 };
  }

  /** Adds a link behind `before`. No one points at it yet: {@link lock} it. */
  link(stage: string, held: HeldEvent, before: Link | undefined): Link {
    if (held.references++ === 0) this.eventCount++;
    if (before !== undefined) before.references++;
    this.linkCount++;
    return { stage, held, before, references: 0 };
  }

  /** One more partial match points at `link`. */
  lock(link: Link): void {
    link.references++;
  }

  /** One partial match fewer points at `link`; what nobody points at any more goes. */
  release(link: Link): void {
    let current: Link | undefined = link;
    while (current !== undefined) {
      assert(current.references > 0, "a link is released once more than locked");
      if (--current.references > 0) return;
      this.linkCount--;
      if (--current.held.references === 0) this.eventCount--;
      current = current.before;
    }
  }
}

/** The events on the way to `link` by stage, in the order taken. */
export function stagesOf(link: Link | undefined): Map<string, HeldEvent[]> {
  const links: Link[] = [];
  for (let current = link; current !== undefined; current = current.before) links.push(current);
  const stages = new Map<string, HeldEvent[]>();
  for (const { stage, held } of links.reverse()) {
    const events = stages.get(stage);
    if (events === undefined) stages.set(stage, [held]);
    else events.push(held);
  }
  return stages;
}

/** The events taken for `stage` on the way to `link`, oldest first. */
export function eventsOfStage(link: Link | undefined, stage: string): CepEvent[] {
  const events: CepEvent[] = [];
  for (let current = link; current !== undefined; current = current.before) {
    if (current.stage === stage) events.push(current.held.event);
  }
  return events.reverse();
}
