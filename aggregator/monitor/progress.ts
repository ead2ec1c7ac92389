/**
 * Whether the aggregator progresses, not merely lives. The owner of each partition appends a tick every second and commits what it reads, so
 * a healthy one commits all the time, whether agents send or not: a log that takes nothing, a reader that hangs, a store that fails all
 * show as commits that do not come.
 */
import type { Clock } from "../../shared/platform/clock.ts";

/** Without a commit for this long a partition does not progress: ten ticks. */
export const STALL_MS = 10_000;

/** One line of a readiness report. */
export interface ProgressCheck {
  readonly name: string;
  readonly isOk: boolean;
  readonly detail: string;
}

interface Part {
  lastMs: number | undefined;
  readonly sinceMs: number;
  failure: string | undefined;
}

/** See the head of this file. */
export class Progress {
  readonly #clock: Clock;
  readonly #parts = new Map<string, Part>();
  #stopping = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Watches a part, such as `partition 0`; it is not ready before its first {@link advance}. */
  watch(name: string): void {
    this.#parts.set(name, {
      lastMs: undefined,
      sinceMs: this.#clock.monotonic(),
      failure: undefined,
    });
  }

  /** The part committed, or did whatever it must do again and again. */
  advance(name: string): void {
    const part = this.#parts.get(name);
    if (part === undefined) return;
    part.lastMs = this.#clock.monotonic();
    part.failure = undefined;
  }

  /** What last went wrong with the part, to stand in the report while it does not progress. */
  fail(name: string, reason: string): void {
    const part = this.#parts.get(name);
    if (part !== undefined) part.failure = reason;
  }

  /** From now on nothing is ready: the program drains. */
  stop(): void {
    this.#stopping = true;
  }

  /** How each part is doing. */
  report(): ProgressCheck[] {
    const nowMs = this.#clock.monotonic();
    const checks: ProgressCheck[] = [];
    for (const [name, part] of this.#parts) checks.push(checkPart(name, part, nowMs));
    if (this.#stopping) checks.push({ name: "drain", isOk: false, detail: "shutting down" });
    return checks;
  }
}

function checkPart(name: string, part: Part, nowMs: number): ProgressCheck {
  const cause = part.failure === undefined ? "" : `: ${part.failure}`;
  if (part.lastMs === undefined) {
    const seconds = Math.round((nowMs - part.sinceMs) / 1_000);
    return { name, isOk: false, detail: `not started since ${seconds} s${cause}` };
  }
  const stalledMs = nowMs - part.lastMs;
  if (stalledMs <= STALL_MS) return { name, isOk: true, detail: "" };
  const seconds = Math.round(stalledMs / 1_000);
  return { name, isOk: false, detail: `nothing committed for ${seconds} s${cause}` };
}
