/**
 * Whether what an aggregator holds and what a spool holds are one line of records, of which the aggregator knows the beginning; or whether
 * both went on from a common past, because a data directory was rolled back or cloned.
 */
import type { AgentMark } from "../../shared/protocol/answers.ts";

/** By epoch: what the aggregator had applied when the epoch began; undefined when it knew nothing. */
export type EpochBeginnings = ReadonlyMap<string, AgentMark | undefined>;

/** What the spool holds of one epoch. */
interface EpochLine {
  /** Lowest sequence of which anything is known. */
  lowest: number;
  /** Whether the digest at the mark is the mark's; undefined while that place was not seen. */
  isSame: boolean | undefined;
}

/** Looks at the retained records, then judges. */
export class Lineage {
  readonly #mark: AgentMark | undefined;
  readonly #beginnings: EpochBeginnings;
  readonly #lines = new Map<string, EpochLine>();

  /** `answered`: where the aggregator stood before the hello; undefined when it knew nothing. */
  constructor(answered: AgentMark | undefined, beginnings: EpochBeginnings) {
    this.#mark = resolve(answered, beginnings);
    this.#beginnings = beginnings;
    for (const epoch of beginnings.keys()) this.#line(epoch);
  }

  /** Notes the digest of a record, or the one that a record or a header names as the one before. */
  add(epoch: string, sequence: number, digest: string): void {
    const line = this.#line(epoch);
    line.lowest = Math.min(line.lowest, sequence);
    if (epoch !== this.#mark?.epoch || sequence !== this.#mark.sequence) return;
    line.isSame = digest === this.#mark.digest || sequence === 0;
  }

  /** True for a record whose batch tells the digest at the mark, when the record at the mark itself was not seen. */
  isBehindMark(epoch: string, sequence: number): boolean {
    if (epoch !== this.#mark?.epoch || sequence !== this.#mark.sequence + 1) return false;
    return this.#line(epoch).isSame === undefined;
  }

  /** True when it is not certain that every epoch of the spool continues what the aggregator holds. */
  isForked(): boolean {
    const mark = this.#mark;
    if (mark === undefined) return false;
    return [...this.#lines.keys()].some((epoch) => !this.#isOnLine(epoch, mark));
  }

  /** True when the aggregator's mark says that the record was applied. */
  isApplied(epoch: string, sequence: number): boolean {
    if (epoch !== this.#mark?.epoch || sequence > this.#mark.sequence) return false;
    return !this.isForked();
  }

  #isOnLine(epoch: string, mark: AgentMark): boolean {
    if (epoch === mark.epoch) {
      const { isSame, lowest } = this.#line(epoch);
      return isSame ?? mark.sequence < lowest;
    }
    // An epoch that began with what the aggregator held then continues everything that this aggregator held before.
    const before = this.#beginnings.get(epoch);
    if (before?.epoch !== mark.epoch) return false;
    if (before.sequence === mark.sequence) return before.digest === mark.digest;
    return before.sequence > mark.sequence;
  }

  #line(epoch: string): EpochLine {
    const known = this.#lines.get(epoch);
    if (known !== undefined) return known;
    const line = { lowest: Number.POSITIVE_INFINITY, isSame: undefined };
    this.#lines.set(epoch, line);
    return line;
  }
}

/** An epoch of which nothing was applied stands for where it began: that is what the aggregator still holds. */
function resolve(
  answered: AgentMark | undefined,
  beginnings: EpochBeginnings,
): AgentMark | undefined {
  let mark = answered;
  for (let step = 0; step < beginnings.size; step++) {
    if (mark === undefined || mark.sequence > 0 || !beginnings.has(mark.epoch)) return mark;
    mark = beginnings.get(mark.epoch);
  }
  return mark;
}
