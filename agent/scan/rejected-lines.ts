/** Line numbers given as examples for each reason. */
const EXAMPLES_MAX = 3;

/** Lines that were rejected for one reason. */
export interface RejectedTally {
  readonly reason: string;
  readonly lines: number;
  /** Numbers of the first ones, from 1, ascending. */
  readonly examples: readonly number[];
}

/** What was rejected in one input: a count and the first line numbers for each reason. */
export class RejectedLines {
  readonly #reasons = new Map<string, { lines: number; readonly examples: number[] }>();

  /** Count of all rejected lines. */
  get count(): number {
    let count = 0;
    for (const tally of this.#reasons.values()) count += tally.lines;
    return count;
  }

  /** One for each reason, in the order in which they were first seen. */
  get tallies(): RejectedTally[] {
    return [...this.#reasons].map(([reason, tally]) => ({ reason, ...tally }));
  }

  /** Counts a line; `lineNumber` (from 1) is asked only for the first ones of a reason. */
  add(reason: string, lineNumber: () => number): void {
    const tally = this.#tallyOf(reason);
    tally.lines++;
    if (tally.examples.length < EXAMPLES_MAX) tally.examples.push(lineNumber());
  }

  /** Adds what was rejected in the part of the input that follows after `linesBefore` lines. Parts come in their order. */
  addPart(tallies: readonly RejectedTally[], linesBefore: number): void {
    for (const { reason, lines, examples } of tallies) {
      const tally = this.#tallyOf(reason);
      tally.lines += lines;
      const missing = EXAMPLES_MAX - tally.examples.length;
      for (const number of examples.slice(0, missing)) tally.examples.push(linesBefore + number);
    }
  }

  #tallyOf(reason: string) {
    let tally = this.#reasons.get(reason);
    if (tally === undefined) {
      tally = { lines: 0, examples: [] };
      this.#reasons.set(reason, tally);
    }
    return tally;
  }

  /** One text for people, such as `3 not_json (lines 1, 7, 9), 1 no_time (line 4)`, the most frequent first. */
  describe(): string {
    return this.tallies
      .toSorted((a, b) => b.lines - a.lines)
      .map(({ reason, lines, examples }) => {
        const more = lines > examples.length ? ", …" : "";
        const noun = lines === 1 ? "line" : "lines";
        return `${lines} ${reason} (${noun} ${examples.join(", ")}${more})`;
      })
      .join(", ");
  }
}
