/**
 * Virtual time. Everything that happens in a simulation is an event in one queue; the run takes the earliest, moves the clock to it,
 * carries it out, lets all promises that became ready go as far as they can, and takes the next. Nothing else moves time and every random
 * decision comes from one seed, so the same seed gives the same run.
 */
import { assert } from "../../assert.ts";
import { EventQueue, type SimulatedEvent } from "./event-queue.ts";
import { Prng } from "./prng.ts";
import { Trace } from "./trace.ts";

/** So many events at one moment are a loop that waits for nothing. */
const SAME_TIME_COUNT_MAX = 100_000;

/** One simulated world. */
export class Simulation {
  readonly prng: Prng;
  readonly trace = new Trace();
  /** Events carried out so far. */
  eventCount = 0;
  private readonly queue = new EventQueue();
  private nowMs = 0;
  private order = 0;
  private sameTimeCount = 0;

  constructor(seed: number) {
    this.prng = new Prng(seed);
  }

  /** Milliseconds of virtual time since the start. */
  get timeMs(): number {
    return this.nowMs;
  }

  /** Carries `action` out after `delayMs`. The event can be cancelled by {@link cancel}. */
  schedule(delayMs: number, label: string, action: () => void): SimulatedEvent {
    const event = {
      timeMs: this.nowMs + Math.max(0, delayMs),
      order: this.order++,
      label,
      action,
    };
    this.queue.push(event);
    return event;
  }

  cancel(event: SimulatedEvent): void {
    event.action = undefined;
  }

  /**
   * Runs until virtual time `untilMs`, or until nothing is left to happen. Then the clock stands at `untilMs` (where nothing is left: at
   * the last event). Rejects with what an event's action throws.
   */
  run(untilMs = Number.POSITIVE_INFINITY): Promise<void> {
    return new Promise((resolve, reject) => {
      const step = () => {
        const next = this.queue.peek();
        if (next === undefined || next.timeMs > untilMs) {
          if (untilMs !== Number.POSITIVE_INFINITY) this.nowMs = Math.max(this.nowMs, untilMs);
          resolve();
          return;
        }
        this.queue.pop();
        if (next.action !== undefined) {
          try {
            this.carryOut(next, next.action);
          } catch (error) {
            reject(error);
            return;
          }
        }
        afterPromises(step);
      };
      afterPromises(step);
    });
  }

  private carryOut(event: SimulatedEvent, action: () => void): void {
    this.sameTimeCount = event.timeMs > this.nowMs ? 0 : this.sameTimeCount + 1;
    assert(this.sameTimeCount < SAME_TIME_COUNT_MAX, `time stands still at "${event.label}"`);
    this.nowMs = event.timeMs;
    this.eventCount++;
    this.trace.add(event.timeMs, event.label);
    action();
  }
}

/** Calls `step` when no promise can go on any more: Node runs a tick that a promise job queued only after all other promise jobs. */
function afterPromises(step: () => void): void {
  queueMicrotask(() => process.nextTick(step));
}
