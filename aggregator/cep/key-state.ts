import type { AutomatonState } from "./automaton.ts";
import { PriorityQueue } from "./priority-queue.ts";
import { type Link, SharedBuffer } from "./shared-buffer.ts";

/** How far one way through the automaton has come (Flink's `ComputationState`). Never changes; a step makes a new one. */
export interface PartialMatch {
  readonly state: AutomatonState;
  /** The newest event taken; undefined in the start state. */
  readonly link: Link | undefined;
  /** Event time of the first event, in ms. */
  readonly startMs: number;
  /** Order of the first event; Infinity in the start state. */
  readonly startOrder: number;
}

/** Earlier first events go first; those with the same first event are equal (Flink's `NFAState.COMPUTATION_STATE_COMPARATOR`). */
export function byFirstEvent(a: PartialMatch, b: PartialMatch): number {
  if (a.startOrder === b.startOrder) return 0;
  return a.startOrder < b.startOrder ? -1 : 1;
}

/** What is known of one key of one rule (Flink's `NFAState` with its `SharedBuffer`). */
export class KeyState {
  readonly buffer: SharedBuffer;
  /** Every partial match, the start state among them. */
  partials = new PriorityQueue<PartialMatch>(byFirstEvent);
  /** Matches that wait for older partial matches to end; only with a skip strategy. */
  readonly completed = new PriorityQueue<PartialMatch>(byFirstEvent);
  /** When the oldest partial match ends, as registered with the operator; Infinity: not registered. */
  deadlineMs = Number.POSITIVE_INFINITY;

  constructor(buffer = new SharedBuffer()) {
    this.buffer = buffer;
  }

  /** A key that knows no more than one never seen. */
  get isIdle(): boolean {
    return this.partials.size <= 1 && this.completed.size === 0;
  }
}

/** The partial match from which all begin. */
export function startOf(state: AutomatonState): PartialMatch {
  return { state, link: undefined, startMs: 0, startOrder: Number.POSITIVE_INFINITY };
}
