/**
 * One pattern over one stream (Flink's `CepOperator`): keeps events until the watermark reaches them, hands them to their key in the order
 * of (time, arrival), drops what comes late, and lets time pass for keys to which nothing comes. Synchronous, without clock or I/O; the
 * same events and watermarks give the same results, and {@link file://./snapshot.ts} takes and restores its state between any two calls.
 *
 * A host that keeps the states of keys in a store of its own does without an operator: it runs a {@link Matcher} over the states itself and
 * stores each as {@link file://./key-codec.ts} encodes it.
 */
import { compileName } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Automaton } from "./automaton.ts";
import { type AnyMatcher, createMatcher } from "./create-matcher.ts";
import { DropLog, type KeyDrop } from "./drop-log.ts";
import type { KeyState } from "./key-state.ts";
import type { Emit, Found, KeyLimits } from "./matcher.ts";
import { PriorityQueue } from "./priority-queue.ts";
import type { CepEvent } from "./shared-buffer.ts";
import { type Deadline, TimerQueue } from "./timer-queue.ts";

/** What is found, and for which key; null: the pattern has no key. */
export interface KeyFound extends Found {
  readonly key: Value;
}

/** Plenty for a rule that people can read; reached only by patterns that hold on to everything. */
export const KEY_LIMITS_DEFAULT: KeyLimits = {
  partialsMax: 10_000,
  eventsMax: 10_000,
  ageMsMax: Number.POSITIVE_INFINITY,
};

/**
 * When it is noticed that time ran out: as in Flink, once the watermark or an event has passed the moment, whose time the result then has; or
 * at the very moment, however far they jump, so that the same events give the same results at the same times.
 */
export type Timing = "watermark" | "moment";

interface Waiting {
  readonly event: CepEvent;
  readonly key: Value;
  readonly arrival: number;
}

/** See the head of this file. */
export class PatternOperator {
  readonly automaton: Automaton;
  readonly matcher: AnyMatcher;
  readonly #keyOf: ((event: CepEvent) => Value) | undefined;
  readonly #timing: Timing;
  readonly #waiting = new PriorityQueue<Waiting>(byTimeAndArrival);
  readonly #deadlines = new PriorityQueue<Deadline>(byDeadline);
  /**
   * Only of a rule that can fail: when keys are looked at, as in Flink's heap of timers, which decides of two keys at the same time whose
   * failure comes first (Flink's `HeapPriorityQueueSet`, which orders equal elements as Java's queue does).
   */
  readonly #timers: TimerQueue | undefined;
  readonly #keys = new Map<Value, KeyState>();
  readonly #drops = new DropLog();
  /** Whose partial matches are being moved. */
  #current: Value = null;
  #arrivals = 0;
  #watermarkMs = Number.NEGATIVE_INFINITY;
  #lateCount = 0;
  #keylessCount = 0;

  constructor(
    automaton: Automaton,
    limits: KeyLimits = KEY_LIMITS_DEFAULT,
    timing: Timing = "watermark",
  ) {
    this.automaton = automaton;
    this.#timing = timing;
    this.matcher = createMatcher(automaton, limits, (reason, startMs) =>
      this.#drops.add(this.#current, reason, startMs),
    );
    this.#timers = automaton.skip.failsOnMiss ? new TimerQueue() : undefined;
    this.#keyOf = automaton.key === undefined ? undefined : compileName(automaton.key);
  }

  /** No event at or before it is expected; -Infinity before the first. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }

  /** Events that came at or behind the watermark and were dropped. */
  get lateCount(): number {
    return this.#lateCount;
  }

  /** Events without a value for the pattern's key, which concern no key. */
  get keylessCount(): number {
    return this.#keylessCount;
  }

  /** Keys that know something. */
  get keyCount(): number {
    return this.#keys.size;
  }

  /** State by key; for snapshots. */
  get keys(): ReadonlyMap<Value, KeyState> {
    return this.#keys;
  }

  /** Events that the watermark has not reached, in the order in which they will be handled; for snapshots. */
  waitingEvents(): CepEvent[] {
    return [...this.#waiting].toSorted(byTimeAndArrival).map(({ event }) => event);
  }

  /** Takes an event in; false: it is late and was dropped. */
  add(event: CepEvent): boolean {
    if (event.ts <= this.#watermarkMs) {
      this.#lateCount++;
      return false;
    }
    const key = this.#keyOf === undefined ? null : this.#keyOf(event);
    if (key === null && this.#keyOf !== undefined) this.#keylessCount++;
    else {
      this.#waiting.push({ event, key, arrival: this.#arrivals++ });
      this.#timers?.add(event.ts, key);
    }
    return true;
  }

  /** Moves the watermark, never back; Infinity ends the stream. Throws SkipMissError, after which the operator is of no more use. */
  advance(watermarkMs: number, emit: (found: KeyFound) => void): void {
    if (watermarkMs <= this.#watermarkMs) return;
    this.#watermarkMs = watermarkMs;
    // Only a rule that can fail shows which key came first, so only it pays for the exact order of Flink's timers.
    if (this.#timers === undefined) this.#advanceByTime(emit);
    else this.#advanceByKey(this.#timers, emit);
  }

  /** What bounds made it drop since the last call; asked after `advance`. */
  takeDrops(): KeyDrop[] {
    return this.#drops.take();
  }

  /** When keys are looked at next, in the order of Flink's heap; for snapshots. Undefined when that order does not matter. */
  timers(): Deadline[] | undefined {
    return this.#timers?.list();
  }

  /** Puts back what a snapshot held. */
  restore(state: {
    readonly watermarkMs: number;
    readonly waiting: readonly CepEvent[];
    readonly keys: Iterable<readonly [Value, KeyState]>;
    readonly timers?: readonly Deadline[];
  }): void {
    // First, so that they keep their places.
    for (const { ms, key } of state.timers ?? []) this.#timers?.add(ms, key);
    for (const event of state.waiting) this.add(event);
    this.#watermarkMs = state.watermarkMs;
    for (const [key, keyState] of state.keys) {
      this.#keys.set(key, keyState);
      this.#register(key, keyState);
      for (const { link, startMs } of keyState.partials) {
        if (link !== undefined) this.#timers?.add(startMs + this.matcher.expiryMs, key);
      }
    }
  }

  #advanceByTime(emit: (found: KeyFound) => void): void {
    for (let next = this.#takeWaiting(); next !== undefined; next = this.#takeWaiting()) {
      this.#handle(next, emit);
    }
    for (let next = this.#takeDeadline(); next !== undefined; next = this.#takeDeadline()) {
      this.#expire(next.key, emit);
    }
  }

  #advanceByKey(timers: TimerQueue, emit: (found: KeyFound) => void): void {
    const due = new Map<Value, Waiting[]>();
    for (let next = this.#takeWaiting(); next !== undefined; next = this.#takeWaiting()) {
      const known = due.get(next.key);
      if (known === undefined) due.set(next.key, [next]);
      else known.push(next);
    }
    for (;;) {
      const timer = timers.take(this.#watermarkMs);
      if (timer === undefined) return;
      const { key } = timer;
      for (const next of due.get(key) ?? []) this.#handle(next, emit);
      due.delete(key);
      this.#expire(key, emit);
    }
  }

  #takeWaiting(): Waiting | undefined {
    const next = this.#waiting.peek();
    return next !== undefined && next.event.ts <= this.#watermarkMs
      ? this.#waiting.pop()
      : undefined;
  }

  /** The next key for which time ran out. A registered deadline can be that of a partial match long gone: then the true one takes its place. */
  #takeDeadline(): Deadline | undefined {
    for (;;) {
      const next = this.#deadlines.peek();
      if (next === undefined || next.ms > this.#watermarkMs) return undefined;
      this.#deadlines.pop();
      const state = this.#keys.get(next.key);
      if (state?.deadlineMs !== next.ms) continue;
      state.deadlineMs = Number.POSITIVE_INFINITY;
      if (this.matcher.deadlineMs(state) === next.ms) return next;
      this.#register(next.key, state);
    }
  }

  #handle({ event, key }: Waiting, emit: (found: KeyFound) => void): void {
    let state = this.#keys.get(key);
    // Most events concern a key that waits for nothing and begin nothing: they leave no trace.
    if (state === undefined) {
      if (!this.matcher.canStart(event)) return;
      state = this.matcher.newState();
      this.#keys.set(key, state);
    }
    this.#current = key;
    const emitFor = (found: Found) => emit({ key, ...found });
    this.#pass(state, event.ts, emitFor);
    const { startCount } = this.matcher;
    this.matcher.process(state, event, emitFor);
    if (this.matcher.startCount > startCount) {
      this.#timers?.add(event.ts + this.matcher.expiryMs, key);
    }
    this.#settle(key, state);
  }

  #expire(key: Value, emit: (found: KeyFound) => void): void {
    const state = this.#keys.get(key);
    if (state === undefined) return;
    this.#current = key;
    this.#pass(state, this.#watermarkMs, (found) => emit({ key, ...found }));
    this.#settle(key, state);
  }

  #pass(state: KeyState, timeMs: number, emit: Emit): void {
    if (this.#timing === "watermark") {
      this.matcher.advance(state, timeMs, emit);
      return;
    }
    for (;;) {
      const dueMs = this.matcher.deadlineMs(state);
      if (dueMs > timeMs || dueMs === Number.POSITIVE_INFINITY) return;
      this.matcher.advance(state, dueMs, emit);
    }
  }

  #settle(key: Value, state: KeyState): void {
    if (state.isIdle) this.#keys.delete(key);
    else this.#register(key, state);
  }

  /** One deadline a key is enough: when it passes, the next one is registered. */
  #register(key: Value, state: KeyState): void {
    if (this.#timers !== undefined || state.deadlineMs !== Number.POSITIVE_INFINITY) return;
    const ms = this.matcher.deadlineMs(state);
    if (ms === Number.POSITIVE_INFINITY) return;
    state.deadlineMs = ms;
    this.#deadlines.push({ ms, key });
  }
}

function byTimeAndArrival(a: Waiting, b: Waiting): number {
  return a.event.ts - b.event.ts || a.arrival - b.arrival;
}

/** Keys decide between equal times, so that the order does not depend on when a deadline was registered. */
function byDeadline(a: Deadline, b: Deadline): number {
  if (a.ms !== b.ms) return a.ms - b.ms;
  const [left, right] = [String(a.key), String(b.key)];
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
