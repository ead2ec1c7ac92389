/**
 * A leaky bucket per key, in the form of Turner's leaky bucket as a meter, kept as the generic cell rate algorithm (ITU-T I.371, annex A) does
 * it: all that is known of the level is the time at which the bucket would be empty. Each event moves that time by one leak; an event that
 * moves it further ahead than `capacity` leaks is one too many: a match of the newest events, behind which the bucket begins anew.
 *
 * Its state is that of a {@link Matcher} with at most one partial match, whose first event is said to lie so long before the bucket is empty as a
 * partial match lasts. So it ends at that very time, and is stored, timed and counted like any other.
 */
import type { Automaton, Bucket } from "./automaton.ts";
import { byFirstEvent, KeyState, type PartialMatch, startOf } from "./key-state.ts";
import { type Emit, EventEvaluation, foundAt } from "./matcher.ts";
import { PriorityQueue } from "./priority-queue.ts";
import type { CepEvent, HeldEvent, Link, SharedBuffer } from "./shared-buffer.ts";

/** See the head of this file. */
export class BucketMatcher {
  readonly #automaton: Automaton;
  readonly #bucket: Bucket;
  readonly #start: PartialMatch;
  readonly #evaluation = new EventEvaluation();
  /** How long a bucket that is full takes to be empty. */
  readonly expiryMs: number;
  /** Nothing is ever dropped: a key holds no more events than make a match. */
  readonly droppedCount = 0;
  /** Buckets that began. */
  startCount = 0;

  constructor(automaton: Automaton, bucket: Bucket) {
    this.#automaton = automaton;
    this.#bucket = bucket;
    this.expiryMs = bucket.capacity * bucket.leakMs;
    this.#start = startOf(automaton.start);
  }

  /** State of a key before its first event. */
  newState(buffer?: SharedBuffer): KeyState {
    const state = new KeyState(buffer);
    if (buffer === undefined) state.partials.push(this.#start);
    return state;
  }

  /** States whether `event` would go into the bucket of a key of which nothing is known. */
  canStart(event: CepEvent): boolean {
    return this.#fits(event, undefined);
  }

  /** When the bucket is empty; Infinity: it is. */
  deadlineMs({ partials }: KeyState): number {
    const held = partials.peek();
    return held?.link === undefined ? Number.POSITIVE_INFINITY : held.startMs + this.expiryMs;
  }

  /** No event earlier than `timeMs` comes any more: forgets a bucket that is empty by then. False: there is none. */
  advance(state: KeyState, timeMs: number, _emit: Emit): boolean {
    if (this.deadlineMs(state) > timeMs) return false;
    this.#put(state, undefined);
    return true;
  }

  /** Shows the next event of the key to the bucket. False: it did not go in. */
  process(state: KeyState, event: CepEvent, emit: Emit): boolean {
    this.advance(state, event.ts, emit);
    const held = state.partials.peek();
    const before = held?.link;
    if (!this.#fits(event, before)) return false;
    const { capacity, leakMs } = this.#bucket;
    if (before === undefined) this.startCount++;
    const emptyMs = (before === undefined ? event.ts : this.deadlineMs(state)) + leakMs;
    const events = eventsOf(before).slice(-capacity);
    const one = this.#evaluation.hold(state.buffer);
    const link = chain(state.buffer, this.#automaton.start.stage, [...events, one]);
    state.buffer.lock(link);
    if (emptyMs - event.ts > this.expiryMs) {
      const found = foundAt("match", link, event.ts);
      this.#put(state, undefined);
      state.buffer.release(link);
      emit(found);
      return true;
    }
    const startOrder = events[0]?.order ?? one.order;
    const startMs = emptyMs - this.expiryMs;
    this.#put(state, { state: this.#automaton.start, link, startMs, startOrder });
    return true;
  }

  #fits(event: CepEvent, link: Link | undefined): boolean {
    const evaluation = this.#evaluation;
    evaluation.begin(event);
    evaluation.link = link;
    return this.#automaton.start.edges.some(({ condition }) => condition.test(evaluation));
  }

  /** Puts what the key knows now in the place of what it knew. */
  #put(state: KeyState, partial: PartialMatch | undefined): void {
    const before = state.partials.peek()?.link;
    state.partials = new PriorityQueue<PartialMatch>(byFirstEvent);
    state.partials.push(this.#start);
    if (partial !== undefined) state.partials.push(partial);
    state.partials.trim();
    if (before !== undefined) state.buffer.release(before);
  }
}

/** Oldest first. */
function eventsOf(link: Link | undefined): HeldEvent[] {
  const events: HeldEvent[] = [];
  for (let at = link; at !== undefined; at = at.before) events.push(at.held);
  return events.reverse();
}

function chain(
  buffer: SharedBuffer,
  stage: string,
  events: readonly [...HeldEvent[], HeldEvent],
): Link {
  const [first, ...rest] = events;
  let link = buffer.link(stage, first ?? events[0], undefined);
  for (const held of rest) link = buffer.link(stage, held, link);
  return link;
}
