import { TailraceError } from "../../shared/errors.ts";
import { decodeKeyState, encodeKeyState } from "../cep/key-codec.ts";
import type { KeyState } from "../cep/key-state.ts";
import { type Found, type KeyLimits, Matcher } from "../cep/matcher.ts";
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
  /** Partial matches that a limit dropped. */
  readonly droppedCount: number;
  /** False: the state is what it was. */
  readonly isChanged: boolean;
}

/** What a rule knows of one value of its key. */
export type RuleState = KeyState;

/**
 * Runs one rule over the events of one value of its key at a time, whose state the caller keeps. Time passes moment by moment: what is due
 * at a time is found at that very time, however far the watermark jumps, so the same events give the same matches at the same times.
 */
export class RuleMachine {
  readonly rule: Rule;
  readonly #matcher: Matcher;

  constructor(rule: Rule, limits: KeyLimits) {
    this.rule = rule;
    this.#matcher = new Matcher(rule.automaton, limits);
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
      this.#matcher.advance(state, dueMs, emit);
      isChanged = true;
    }
  }

  #step(run: (emit: (found: Found) => void) => boolean): Step {
    const found: Found[] = [];
    const droppedBefore = this.#matcher.droppedCount;
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
      droppedCount: this.#matcher.droppedCount - droppedBefore,
    };
  }
}
