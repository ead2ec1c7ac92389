import { TailraceError } from "../../shared/errors.ts";
import { type AnyMatcher, createMatcher } from "../cep/create-matcher.ts";
import { DropLog, type KeyDrop } from "../cep/drop-log.ts";
import { decodeKeyState, encodeKeyState } from "../cep/key-codec.ts";
import type { KeyState } from "../cep/key-state.ts";
import type { Found, KeyLimits } from "../cep/matcher.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import { distinctTimeouts } from "./distinct-timeouts.ts";
import type { Rule } from "./load-rules.ts";

/** A partial match or a link, as JSON. */
const ENTRY_BYTES = 48;

/** What is found of one value of a rule's key, and whether the rule failed on the way: then the value begins anew. */
export interface Step {
  readonly found: readonly Found[];
  readonly hasFailed: boolean;
  /** Partial matches that bounds dropped, one entry a bound. */
  readonly drops: readonly StepDrop[];
  /** False: the state is what it was. */
  readonly isChanged: boolean;
}

/** What a bound dropped in one step. */
export interface StepDrop extends Omit<KeyDrop, "key"> {
  /** Event time at which the first of them was dropped, in ms. */
  readonly atMs: number;
}

/** What a rule knows of one value of its key. */
export type RuleState = KeyState;

/**
 * Runs one rule over the events of one value of its key at a time, whose state the caller keeps. Time passes moment by moment: what is due
 * at a time is found at that very time, however far the watermark jumps, so the same events give the same matches at the same times.
 */
export class RuleMachine {
  readonly rule: Rule;
  readonly #matcher: AnyMatcher;
  readonly #drops = new DropLog();
  /** Event time that the step has reached, and at which it first dropped something. */
  #nowMs = 0;
  #droppedAtMs = 0;

  constructor(rule: Rule, limits: KeyLimits) {
    this.rule = rule;
    this.#matcher = createMatcher(rule.automaton, limits, (reason, startMs) => {
      if (this.#drops.isEmpty) this.#droppedAtMs = this.#nowMs;
      this.#drops.add(null, reason, startMs);
    });
  }

  /** State of a value before its first event. */
  begin(): RuleState {
    return this.#matcher.newState();
  }

  /** States whether an event would begin a partial match; if not, a value without state stays so. */
  canStart(event: CepEvent): boolean {
    return this.#matcher.canStart(event);
  }

  /** When time matters to the state next, milliseconds; Infinity: never. */
  deadlineMs(state: RuleState): number {
    return this.#matcher.deadlineMs(state);
  }

  /** Event time of the earliest first event of a partial match; undefined: there is none. */
  oldestMs(state: RuleState): number | undefined {
    const oldest = state.partials.peek();
    return oldest?.link === undefined ? undefined : oldest.startMs;
  }

  /** Partial matches, those that wait for older ones among them. */
  partialCount(state: RuleState): number {
    return state.partials.size - 1 + state.completed.size;
  }

  /** About the bytes of {@link save} without what the events say. */
  bytesOf(state: RuleState): number {
    return ENTRY_BYTES * (state.partials.size + state.completed.size + state.buffer.linkCount);
  }

  /** Shows the state its next event in order. */
  take(state: RuleState, event: CepEvent): Step {
    return this.#step((emit) => {
      const hasPassed = this.#pass(state, event.ts, emit);
      this.#nowMs = event.ts;
      return this.#matcher.process(state, event, emit) || hasPassed;
    });
  }

  /** No event up to `timeMs` comes any more. */
  advance(state: RuleState, timeMs: number): Step {
    return this.#step((emit) => this.#pass(state, timeMs, emit));
  }

  /** The state as bytes. */
  save(state: RuleState): Buffer {
    const { automaton } = this.rule;
    return Buffer.from(encodeKeyState(automaton, null, state, this.deadlineMs(state)));
  }

  /** The state that {@link save} wrote. Fails with STATE_CORRUPT, also when it is that of another pattern. */
  load(bytes: Buffer): RuleState {
    const decoded = decodeKeyState(this.rule.automaton, bytes);
    if (decoded !== undefined) return decoded.state;
    const { name } = this.rule.config;
    throw new TailraceError(
      "STATE_CORRUPT",
      `The state of rule ${name} is that of another pattern.`,
    );
  }

  #pass(state: RuleState, timeMs: number, emit: (found: Found) => void): boolean {
    let isChanged = false;
    for (;;) {
      const dueMs = this.#matcher.deadlineMs(state);
      if (dueMs > timeMs || dueMs === Number.POSITIVE_INFINITY) return isChanged;
      this.#nowMs = dueMs;
      this.#matcher.advance(state, dueMs, emit);
      isChanged = true;
    }
  }

  #step(run: (emit: (found: Found) => void) => boolean): Step {
    const found: Found[] = [];
    let hasFailed = false;
    let isChanged = true;
    try {
      isChanged = run((one) => found.push(one));
    } catch (error) {
      if (!(error instanceof SkipMissError)) throw error;
      hasFailed = true;
    }
    return {
      found: distinctTimeouts(found.map((one) => ({ key: null, ...one }))),
      hasFailed,
      isChanged,
      drops: this.#drops.isEmpty ? NO_DROPS : this.#takeDrops(),
    };
  }

  #takeDrops(): StepDrop[] {
    const atMs = this.#droppedAtMs;
    return this.#drops.take().map(({ key: _key, ...drop }) => ({ ...drop, atMs }));
  }
}

const NO_DROPS: readonly StepDrop[] = [];
