import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import type { KeyState } from "../cep/key-state.ts";
import { type Found, type KeyLimits, Matcher } from "../cep/matcher.ts";
import { PatternOperator } from "../cep/operator.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import { restoreSnapshot, takeSnapshot } from "../cep/snapshot.ts";
import type { Rule } from "./load-rules.ts";

/** A partial match or a link, as JSON. */
const ENTRY_BYTES = 48;

/** What is found of one value of a rule's key, and whether the rule failed on the way: then the value begins anew. */
export interface Step {
  readonly found: readonly Found[];
  readonly hasFailed: boolean;
  /** Partial matches that a limit dropped. */
  readonly droppedCount: number;
}

/** What a rule knows of one value of its key. */
export type RuleState = KeyState;

const snapshotSchema = z.looseObject({ keys: z.array(z.unknown()) });

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
      this.#pass(state, event.ts, emit);
      this.#matcher.process(state, event, emit);
    });
  }

  /** No event up to `timeMs` comes any more. */
  advance(state: RuleState, timeMs: number): Step {
    return this.#step((emit) => this.#pass(state, timeMs, emit));
  }

  /** The state as bytes. */
  save(state: RuleState): Buffer {
    const operator = new PatternOperator(this.rule.automaton);
    operator.restore({
      watermarkMs: Number.NEGATIVE_INFINITY,
      waiting: [],
      keys: [[null, state]],
    });
    return Buffer.from(JSON.stringify(takeSnapshot(operator)));
  }

  /** The state that {@link save} wrote. Fails with STATE_CORRUPT. */
  load(bytes: Buffer): RuleState {
    const operator = new PatternOperator(this.rule.automaton);
    const snapshot: unknown = JSON.parse(bytes.toString("utf8"));
    const isSame =
      snapshotSchema.safeParse(snapshot).success && restoreSnapshot(operator, snapshot);
    const state = operator.keys.get(null);
    if (isSame && state !== undefined) return state;
    throw new TailraceError(
      "STATE_CORRUPT",
      `The state of rule ${this.rule.config.name} is not its own.`,
    );
  }

  #pass(state: RuleState, timeMs: number, emit: (found: Found) => void): void {
    for (;;) {
      const dueMs = this.#matcher.deadlineMs(state);
      if (dueMs > timeMs || dueMs === Number.POSITIVE_INFINITY) return;
      this.#matcher.advance(state, dueMs, emit);
    }
  }

  #step(run: (emit: (found: Found) => void) => void): Step {
    const found: Found[] = [];
    const droppedBefore = this.#matcher.droppedCount;
    let hasFailed = false;
    try {
      run((one) => found.push(one));
    } catch (error) {
      if (!(error instanceof SkipMissError)) throw error;
      hasFailed = true;
    }
    return { found, hasFailed, droppedCount: this.#matcher.droppedCount - droppedBefore };
  }
}
