/**
 * The automaton that a pattern is compiled into: states joined by edges that take the event, ignore it, or proceed to another state which
 * then sees the same event (Flink's `State`, `StateTransition`; SASE's NFA^b of Agrawal et al. 2008, section 3).
 */
import type { Condition } from "./condition.ts";
import type { SkipStrategy } from "./skip-strategy.ts";

/** Final: a match. Stop: a forbidden event came. Pending: becomes a match when the time runs out. */
export type StateKind = "normal" | "final" | "stop" | "pending";

/** An edge. */
export interface Edge {
  readonly action: "take" | "ignore" | "proceed";
  readonly source: AutomatonState;
  readonly target: AutomatonState;
  condition: Condition;
}

/** A state. Built by the compiler, unchanged after it. */
export class AutomatonState {
  /** Its index in {@link Automaton.states}: what a snapshot names it by. */
  readonly index: number;
  /** Unique: the stage's name, with a number for further states of the same stage. */
  readonly name: string;
  /** Under which what it takes stands in a match. */
  readonly stage: string;
  readonly kind: StateKind;
  isStart = false;
  readonly edges: Edge[] = [];

  constructor(index: number, name: string, stage: string, kind: StateKind) {
    this.index = index;
    this.name = name;
    this.stage = stage;
    this.kind = kind;
  }

  /** Adds an edge; the order of edges decides among equal matches, so it is part of the meaning. */
  add(action: Edge["action"], target: AutomatonState, condition: Condition): void {
    this.edges.push({ action, source: this, target, condition });
  }
}

/** How many events a leaky bucket holds without a match, and how long each takes to leak away. */
export interface Bucket {
  readonly capacity: number;
  readonly leakMs: number;
}

/** A compiled pattern. Holds no state of any key, so all keys share it. */
export interface Automaton {
  readonly states: readonly AutomatonState[];
  readonly start: AutomatonState;
  /** From the first event of a match, exclusive; undefined: no limit. */
  readonly withinMs: number | undefined;
  readonly skip: SkipStrategy;
  /** Name of the field that parts the stream; undefined: one state for all events. */
  readonly key: string | undefined;
  /** The pattern is a leaky bucket; undefined: it is none. */
  readonly bucket: Bucket | undefined;
  /** The same for patterns that are written the same: state may be carried over only between those. */
  readonly fingerprint: string;
}
