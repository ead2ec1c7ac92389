/**
 * Moves the partial matches of a key through the automaton, event by event (Flink's `NFA`). One matcher serves all keys of a rule, one
 * event at a time: it keeps no state of its own between calls, only room to work in.
 */
import type { Automaton, AutomatonState, Edge } from "./automaton.ts";
import type { Evaluation } from "./condition.ts";
import { byFirstEvent, KeyState, type PartialMatch, startOf } from "./key-state.ts";
import { PriorityQueue } from "./priority-queue.ts";
import {
  type CepEvent,
  eventsOfStage,
  type HeldEvent,
  type Link,
  type SharedBuffer,
  stagesOf,
} from "./shared-buffer.ts";
import { pruningOf } from "./skip-strategy.ts";

/** How much one key of one rule may hold. Beyond it the partial matches with the oldest first event are dropped, counted and told. */
export interface KeyLimits {
  readonly partialsMax: number;
  readonly eventsMax: number;
  /** Age of a partial match of a pattern without `within`, in event time; Infinity: none is too old. */
  readonly ageMsMax: number;
}

/** A match, or a partial match whose time ran out. */
export interface Found {
  readonly kind: "match" | "timeout";
  /** Event time: of the event that completed it, or when its time ran out; Infinity at the end of the stream. */
  readonly ts: number;
  /** Events by stage, in the order taken; a stage that took none is not there. */
  readonly stages: ReadonlyMap<string, readonly CepEvent[]>;
}

/** Takes what is found, at once. */
export type Emit = (found: Found) => void;

/** Which bound made a key drop partial matches. */
export type DropReason = "partials_max" | "events_max" | "age_max";

/** Is told of each partial match that a bound drops, at once; `startMs` is the time of its first event. */
export type OnDrop = (reason: DropReason, startMs: number) => void;

/** See the head of this file. */
export class Matcher {
  readonly #automaton: Automaton;
  readonly #limits: KeyLimits;
  readonly #onDrop: OnDrop;
  /** How long a partial match may last; Infinity: for ever. */
  readonly expiryMs: number;
  readonly #evaluation = new EventEvaluation();
  readonly #edges: Edge[] = [];
  readonly #toVisit: AutomatonState[] = [];
  /** Where the steps of one partial match lead. */
  readonly #next: PartialMatch[] = [];
  readonly #start: PartialMatch;
  /** Partial matches that a limit dropped. */
  droppedCount = 0;
  /** Partial matches that began, also those that were finished at once. */
  startCount = 0;

  constructor(automaton: Automaton, limits: KeyLimits, onDrop: OnDrop = () => undefined) {
    this.#automaton = automaton;
    this.#limits = limits;
    this.#onDrop = onDrop;
    this.expiryMs = automaton.withinMs ?? limits.ageMsMax;
    this.#start = startOf(automaton.start);
  }

  /** State of a key before its first event. */
  newState(buffer?: SharedBuffer): KeyState {
    const state = new KeyState(buffer);
    if (buffer === undefined) state.partials.push(this.#start);
    return state;
  }

  /** States whether `event` would begin a partial match; if not, a key without state stays so. */
  canStart(event: CepEvent): boolean {
    this.#evaluation.begin(event);
    this.#evaluation.link = undefined;
    this.#findEdges(this.#automaton.start);
    for (const edge of this.#edges) if (edge.action === "take") return true;
    return false;
  }

  /** When the oldest partial match of the key ends; Infinity: never. */
  deadlineMs(state: KeyState): number {
    const oldest = state.partials.peek();
    if (oldest?.link === undefined) return Number.POSITIVE_INFINITY;
    return oldest.startMs + this.expiryMs;
  }

  /**
   * No event earlier than `timeMs` comes any more: ends what is too old (Flink's `NFA.advanceTime`). False: nothing is. Throws
   * SkipMissError.
   */
  advance(state: KeyState, timeMs: number, emit: Emit): boolean {
    const deadlineMs = this.deadlineMs(state);
    if (deadlineMs === Number.POSITIVE_INFINITY || deadlineMs > timeMs) return false;
    const partials = new PriorityQueue<PartialMatch>(byFirstEvent);
    const matches: PartialMatch[] = [];
    const timeouts: Found[] = [];
    for (const partial of state.partials) {
      const { link, startMs } = partial;
      if (link === undefined || timeMs - startMs < this.expiryMs) {
        partials.push(partial);
      } else if (partial.state.kind === "pending") {
        matches.push(partial);
      } else {
        if (this.#automaton.withinMs === undefined) this.#drop("age_max", startMs);
        else timeouts.push(foundAt("timeout", link, startMs + this.expiryMs));
        state.buffer.release(link);
      }
    }
    state.partials = partials;
    this.#complete(state, matches, timeMs, emit);
    for (const timeout of timeouts) emit(timeout);
    return true;
  }

  /**
   * Shows the next event of the key to every partial match (Flink's `NFA.process`). False: it changed nothing. Throws SkipMissError.
   */
  process(state: KeyState, event: CepEvent, emit: Emit): boolean {
    const partials = new PriorityQueue<PartialMatch>(byFirstEvent);
    let matches: PriorityQueue<PartialMatch> | undefined;
    let isChanged = false;
    this.#evaluation.begin(event);
    for (const partial of state.partials) {
      const isDiscarded = this.#step(state.buffer, partial);
      isChanged ||= isDiscarded || this.#next.length !== 1 || this.#next[0] !== partial;
      for (const next of this.#next) {
        if (next.state.kind === "final") {
          matches ??= new PriorityQueue<PartialMatch>(byFirstEvent);
          matches.push(next);
        } else if (!isDiscarded || next.link === undefined) {
          partials.push(next);
        } else {
          state.buffer.release(next.link);
        }
      }
    }
    if (isChanged) partials.trim();
    state.partials = partials;
    if (matches !== undefined || state.completed.size > 0) {
      this.#complete(state, matches ?? [], event.ts, emit);
    }
    if (this.#exceeded(state) !== undefined) this.#shrink(state, event.ts, emit);
    return isChanged;
  }

  /**
   * Fills `#next` with where one partial match goes (Flink's `NFA.computeNextStates`); true: a forbidden event came, all but finished
   * matches are to be dropped.
   */
  #step(buffer: SharedBuffer, partial: PartialMatch): boolean {
    const { state, link, startMs, startOrder } = partial;
    const next = this.#next;
    next.length = 0;
    this.#evaluation.link = link;
    this.#findEdges(state);
    let isDiscarded = false;
    for (const edge of this.#edges) {
      const { target } = edge;
      if (edge.action === "ignore") {
        if (link === undefined) continue;
        next.push(target === state ? partial : { state: target, link, startMs, startOrder });
        buffer.lock(link);
      } else if (target.kind === "stop") {
        isDiscarded = true;
      } else {
        this.#take(buffer, partial, edge);
      }
    }
    if (link === undefined) next.push(partial);
    else buffer.release(link);
    return isDiscarded;
  }

  /** One way on that takes the event, and a match when nothing more need come behind it. */
  #take(buffer: SharedBuffer, partial: PartialMatch, { source, target }: Edge): void {
    const held = this.#evaluation.hold(buffer);
    const isFirst = partial.link === undefined;
    if (isFirst) this.startCount++;
    const startMs = isFirst ? held.event.ts : partial.startMs;
    const startOrder = isFirst ? held.order : partial.startOrder;
    const link = buffer.link(source.stage, held, partial.link);
    buffer.lock(link);
    this.#next.push({ state: target, link, startMs, startOrder });
    const final = this.#finalBehind(target);
    if (final === undefined) return;
    buffer.lock(link);
    this.#next.push({ state: final, link, startMs, startOrder });
  }

  /** Fills `#edges` with those that take or ignore the event, also behind edges that proceed (Flink's `createDecisionGraph`). */
  #findEdges(state: AutomatonState): void {
    const edges = this.#edges;
    const toVisit = this.#toVisit;
    edges.length = 0;
    for (let current: AutomatonState | undefined = state; current !== undefined; ) {
      for (const edge of current.edges) {
        if (!edge.condition.test(this.#evaluation)) continue;
        if (edge.action === "proceed") toVisit.push(edge.target);
        else edges.push(edge);
      }
      current = toVisit.pop();
    }
  }

  /** The final state, when nothing more need come behind `state` (Flink's `findFinalStateAfterProceed`). */
  #finalBehind(state: AutomatonState): AutomatonState | undefined {
    if (state.kind === "final") return undefined;
    const toVisit = this.#toVisit;
    let current: AutomatonState | undefined = state;
    while (current !== undefined) {
      for (const edge of current.edges) {
        if (edge.action !== "proceed" || !edge.condition.test(this.#evaluation)) continue;
        if (edge.target.kind === "final") {
          toVisit.length = 0;
          return edge.target;
        }
        toVisit.push(edge.target);
      }
      current = toVisit.pop();
    }
    return undefined;
  }

  /** Lets finished matches out, with a skip strategy only those that no older partial match can still overtake. */
  #complete(state: KeyState, matches: Iterable<PartialMatch>, ts: number, emit: Emit): void {
    const { skip } = this.#automaton;
    const found: Found[] = [];
    if (skip.kind === "noSkip") {
      for (const { link } of matches) {
        if (link === undefined) continue;
        found.push(foundAt("match", link, ts));
        state.buffer.release(link);
      }
    } else {
      for (const match of matches) state.completed.push(match);
      for (;;) {
        const match = state.completed.peek();
        const oldest = state.partials.peek();
        if (match?.link === undefined) break;
        if (oldest !== undefined && byFirstEvent(match, oldest) > 0) break;
        state.completed.pop();
        this.#prune(state, match.link);
        found.push(foundAt("match", match.link, ts));
        state.buffer.release(match.link);
      }
    }
    for (const match of found) emit(match);
  }

  #prune(state: KeyState, match: Link): void {
    const pruning = pruningOf(this.#automaton.skip, stagesOf(match));
    if (pruning === undefined) return;
    const { order, isInclusive } = pruning;
    const isPruned = ({ link, startOrder }: PartialMatch) => {
      if (link === undefined || startOrder > order) return false;
      if (startOrder === order && !isInclusive) return false;
      state.buffer.release(link);
      return true;
    };
    state.partials.remove(isPruned);
    state.completed.remove(isPruned);
  }

  /** The bound that the key is beyond. Matches that wait count as partial: it is partial ones that make them wait. */
  #exceeded({ partials, completed, buffer }: KeyState): DropReason | undefined {
    if (partials.size - 1 + completed.size > this.#limits.partialsMax) return "partials_max";
    return buffer.eventCount > this.#limits.eventsMax ? "events_max" : undefined;
  }

  /** Drops the partial matches of the oldest first events until the key is within its limits; what waited for them comes out. */
  #shrink(state: KeyState, ts: number, emit: Emit): void {
    for (;;) {
      const reason = this.#exceeded(state);
      const oldest = state.partials.peek();
      if (reason === undefined || oldest?.link === undefined) return;
      state.partials.remove(({ link, startOrder, startMs }) => {
        if (link === undefined || startOrder !== oldest.startOrder) return false;
        state.buffer.release(link);
        this.#drop(reason, startMs);
        return true;
      });
      this.#complete(state, [], ts, emit);
    }
  }

  #drop(reason: DropReason, startMs: number): void {
    this.droppedCount++;
    this.#onDrop(reason, startMs);
  }
}

/** The event that is shown to the partial matches, and what conditions may know. */
export class EventEvaluation implements Evaluation {
  event: CepEvent = { id: 0, ts: 0, key: null, type: null, fields: {} };
  serial = 0;
  link: Link | undefined;
  #held: HeldEvent | undefined;

  begin(event: CepEvent): void {
    this.event = event;
    this.serial++;
    this.#held = undefined;
  }

  eventsOf(stage: string): readonly CepEvent[] {
    return eventsOfStage(this.link, stage);
  }

  /** Registers the event with the buffer when it is first taken. */
  hold(buffer: SharedBuffer): HeldEvent {
    this.#held ??= buffer.hold(this.event);
    return this.#held;
  }
}

/** What the events on the way to `link` are. */
export function foundAt(kind: Found["kind"], link: Link, ts: number): Found {
  const stages = new Map<string, CepEvent[]>();
  for (const [stage, events] of stagesOf(link)) {
    stages.set(
      stage,
      events.map(({ event }) => event),
    );
  }
  return { kind, ts, stages };
}
