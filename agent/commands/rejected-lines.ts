/** Line numbers given as examples for each reason. */
const EXAMPLES_MAX = 3;

interface ReasonTally {
  lines: number;
  readonly examples: number[];
}

/** What was rejected in one input: a count and the first line numbers for each reason. */
export class RejectedLines {
  readonly #reasons = new Map<string, ReasonTally>();

  /** Count of all rejected lines. */
  get count(): number {
    let count = 0;
    for (const tally of this.#reasons.values()) count += tally.lines;
    return count;
  }

  /** Counts a line; `lineNumber` (from 1) is asked only for the first ones of a reason. */
  add(reason: string, lineNumber: () => number): void {
    let tally = this.#reasons.get(reason);
    if (tally === undefined) {
      tally = { lines: 0, examples: [] };
      this.#reasons.set(reason, tally);
    }
    tally.lines++;
    if (tally.examples.length < EXAMPLES_MAX) tally.examples.push(lineNumber());
  }

  /** One text for people, such as `3 not_json (lines 1, 7, 9), 1 no_time (line 4)`, the most frequent first. */
  describe(): string {
    return [...this.#reasons]
      .toSorted(([, a], [, b]) => b.lines - a.lines)
      .map(([reason, { lines, examples }]) => {
        const more = lines > examples.length ? ", …" : "";
        const noun = lines === 1 ? "line" : "lines";
        return `${lines} ${reason} (${noun} ${examples.join(", ")}${more})`;
      })
      .join(", ");
  }
}
