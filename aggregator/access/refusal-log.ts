import type { Logger } from "../../shared/log.ts";

const QUIET_MS = 60_000;
const PLACES_MAX = 1_000;

/** Tells of callers that are refused without letting them fill the log: each address and reason once a minute, with how often it was. */
export class RefusalLog {
  readonly #logger: Logger;
  readonly #told = new Map<string, { atMs: number; count: number }>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Notes one refusal at `nowMs` (monotonic). */
  refused(address: string, reason: string, detail: string, nowMs: number): void {
    const place = `${address} ${reason}`;
    const told = this.#told.get(place);
    if (told !== undefined && nowMs - told.atMs < QUIET_MS) {
      told.count++;
      return;
    }
    const oldest = this.#told.keys().next();
    if (told === undefined && this.#told.size >= PLACES_MAX && oldest.done === false) {
      this.#told.delete(oldest.value);
    }
    this.#told.set(place, { atMs: nowMs, count: 0 });
    const before = told?.count ?? 0;
    this.#logger.warn("a caller is refused", { address, reason, detail, before });
  }
}
