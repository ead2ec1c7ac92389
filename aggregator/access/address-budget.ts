/**
 * How much each address may ask for: a bucket of tokens that fills again by `perSecond` and holds two seconds' worth. A refused credential
 * costs as much as many requests, so that nobody tries long. The memory is bounded: of very many addresses the oldest are forgotten.
 */
export class AddressBudget {
  readonly #perSecond: number;
  readonly #addressCountMax: number;
  readonly #left = new Map<string, { credit: number; atMs: number }>();

  constructor(perSecond: number, addressCountMax = 10_000) {
    this.#perSecond = perSecond;
    this.#addressCountMax = addressCountMax;
  }

  /** Takes the cost of a request at `nowMs` (monotonic); false when the address has to wait. */
  take(address: string, nowMs: number): boolean {
    const left = this.#at(address, nowMs);
    if (left.credit < 1) return false;
    left.credit -= 1;
    return true;
  }

  /** Takes the further cost of a credential that was refused. */
  punish(address: string, nowMs: number): void {
    const left = this.#at(address, nowMs);
    left.credit = Math.max(0, left.credit - this.#perSecond / REFUSALS_PER_SECOND);
  }

  #at(address: string, nowMs: number): { credit: number; atMs: number } {
    const full = 2 * this.#perSecond;
    const known = this.#left.get(address);
    if (known !== undefined) {
      known.credit = Math.min(full, known.credit + ((nowMs - known.atMs) / 1000) * this.#perSecond);
      known.atMs = nowMs;
      return known;
    }
    const oldest = this.#left.keys().next();
    if (this.#left.size >= this.#addressCountMax && oldest.done === false) {
      this.#left.delete(oldest.value);
    }
    const fresh = { credit: full, atMs: nowMs };
    this.#left.set(address, fresh);
    return fresh;
  }
}

/** So many refused credentials a second use up all that an address may ask for. */
const REFUSALS_PER_SECOND = 10;
