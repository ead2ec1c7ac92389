/** How fast a counter rises, over about the last minute. Pure: whoever calls brings the time. */
export class RateMeter {
  readonly #spanMs: number;
  #samples: { readonly atMs: number; readonly value: number }[] = [];

  /** `spanMs`: samples older than this do not matter any more. */
  constructor(spanMs = 60_000) {
    this.#spanMs = spanMs;
  }

  /** Notes that the counter stands at `value`; `nowMs` never goes back. A counter that fell begins anew. */
  note(value: number, nowMs: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && value < last.value) this.#samples = [];
    this.#samples.push({ atMs: nowMs, value });
    const from = nowMs - this.#spanMs;
    // The last sample before the span stays: it is where the span begins.
    while ((this.#samples[1]?.atMs ?? nowMs) <= from) this.#samples.shift();
  }

  /** Rise per second between the first and the last sample; 0 before there are two. */
  get perSecond(): number {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return 0;
    return ((last.value - first.value) * 1000) / (last.atMs - first.atMs);
  }
}
