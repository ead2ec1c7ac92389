import type { Refusal } from "../../shared/protocol/http-answer.ts";

/** How much may be under way at once. */
export interface AdmissionLimits {
  /** Bodies of all requests together. */
  readonly inFlightBytesMax: number;
  /** Requests of one agent; a well-behaved one has one, and one more that it gave up. */
  readonly agentRequestCountMax: number;
}

/** What one request holds until it is answered. */
export interface Admitted {
  /** Gives everything back; calling it again changes nothing. */
  release(): void;
}

const RETRY_AFTER_SECONDS = 1;

/** Counts what is under way, and refuses what would be too much: one agent's excess with 429, everybody's with 503. */
export class Admission {
  readonly #limits: AdmissionLimits;
  readonly #requestsByAgent = new Map<string, number>();
  #bytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Bytes under way. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes `bytes` for a request. A request larger than the limit itself is taken when nothing else is under way, so that a small limit
   * makes slow and never stuck.
   */
  takeBytes(bytes: number): Admitted | { readonly refusal: Refusal } {
    if (this.#bytes > 0 && this.#bytes + bytes > this.#limits.inFlightBytesMax) {
      return {
        refusal: {
          status: 503,
          code: "overloaded",
          detail: `Requests of ${this.#bytes} bytes are under way; nothing of this one was taken.`,
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        },
      };
    }
    this.#bytes += bytes;
    return releaseOnce(() => {
      this.#bytes -= bytes;
    });
  }

  /** Takes a place for a request of `agent` (any text that tells agents apart). */
  takePlace(agent: string): Admitted | { readonly refusal: Refusal } {
    const count = this.#requestsByAgent.get(agent) ?? 0;
    if (count >= this.#limits.agentRequestCountMax) {
      return {
        refusal: {
          status: 429,
          code: "overloaded",
          detail: `${count} requests of this agent are under way; wait for their answers.`,
          retryAfterSeconds: RETRY_AFTER_SECONDS,
        },
      };
    }
    this.#requestsByAgent.set(agent, count + 1);
    return releaseOnce(() => {
      const left = (this.#requestsByAgent.get(agent) ?? 1) - 1;
      if (left > 0) this.#requestsByAgent.set(agent, left);
      else this.#requestsByAgent.delete(agent);
    });
  }
}

function releaseOnce(release: () => void): Admitted {
  let isHeld = true;
  return {
    release: () => {
      if (isHeld) release();
      isHeld = false;
    },
  };
}
