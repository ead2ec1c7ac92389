/**
 * Which events are selected now, for all sources of an agent: what the aggregator's rules ask for, more of it or less by the agent's own
 * configuration. New selectors wait until a seal switches to them, so that all events of a batch were chosen by the same.
 */
import { type CompiledSelector, compileSelectors } from "../../shared/events/compile-selectors.ts";
import {
  SELECTORS_NONE,
  type Selector,
  type Selectors,
} from "../../shared/protocol/selected-event.ts";

/** What the configuration adds and forbids. */
export interface LocalSelection {
  /** Streams of which no event is selected. */
  readonly forbid: readonly string[];
  /** Selected whatever the aggregator asks for. */
  readonly select: readonly Selector[];
}

/** See the head of this file. */
export class EventSelection {
  readonly #local: LocalSelection;
  #current = SELECTORS_NONE;
  #next = SELECTORS_NONE;
  #byStream: ReadonlyMap<string, CompiledSelector>;

  constructor(local: LocalSelection) {
    this.#local = local;
    this.#byStream = this.#compile(SELECTORS_NONE);
  }

  /** Revision of the aggregator's selectors that choose now. */
  get revision(): string {
    return this.#current.revision;
  }

  /** Revision of the newest selectors, whether they choose already or not. */
  get nextRevision(): string {
    return this.#next.revision;
  }

  /** True when newer selectors wait for {@link switch}. */
  get hasNext(): boolean {
    return this.#next !== this.#current;
  }

  /** Takes selectors that passed the checks of `selectors-schema.ts`; they choose from the next {@link switch} on. */
  offer(selectors: Selectors): void {
    this.#next = selectors;
  }

  /** From now on the newest selectors choose. Only a seal may call this. */
  switch(): void {
    if (!this.hasNext) return;
    this.#current = this.#next;
    this.#byStream = this.#compile(this.#current);
  }

  /** What is selected of a stream; undefined: nothing. */
  of(stream: string): CompiledSelector | undefined {
    return this.#byStream.get(stream);
  }

  #compile({ selectors }: Selectors): ReadonlyMap<string, CompiledSelector> {
    const { forbid, select } = this.#local;
    const byStream = new Map<string, Selector[]>();
    for (const selector of [...selectors, ...select]) {
      if (forbid.includes(selector.stream)) continue;
      byStream.set(selector.stream, [...(byStream.get(selector.stream) ?? []), selector]);
    }
    return new Map([...byStream].map(([stream, parts]) => [stream, compileSelectors(parts)]));
  }
}
