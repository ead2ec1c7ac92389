/**
 * Tends the dead letters of an inlet: lists them, counts them after all, or drops them. What becomes of them goes through the log as everything
 * that is counted does, so that a letter counts once, whoever asks for it how often, and whatever crashes in between.
 */
import { TailraceError } from "../../shared/errors.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { encodeBatch } from "../../shared/protocol/codec.ts";
import type { InletName, Letter, RequestNames, SettledLetter } from "../log/inlet-entry.ts";
import type { RecordCounter } from "./count-records.ts";
import type { RecordLog } from "./record-log.ts";

/** Letters in one entry: at most some 400 KiB. */
const LETTERS_AT_ONCE = 100;
const WORD_WAIT_MS_MAX = 5_000;

/** A letter that is kept, with its number, which no other of its inlet ever gets. */
export interface KeptLetter {
  readonly number: number;
  /** `takenMs`: when it came, by the log's clock. */
  readonly letter: Letter & { readonly takenMs: number };
}

/** What tending letters works with. */
export interface InletLettersParts {
  readonly name: InletName;
  /** Letters after number `after` (-1: from the first), ascending, at most `limit`. */
  readonly kept: (after: number, limit: number) => readonly KeptLetter[];
  readonly records: RecordLog;
  readonly platform: Platform;
  readonly maxFutureMs: number;
  /** Counts as the source counts now, or as a request with these names is counted; undefined when nobody reads the inlet any more. */
  readonly newCounter: (names: RequestNames | undefined) => RecordCounter | undefined;
}

/** What became of letters; `failure` says why the rest was left as it is. */
export interface LetterReport {
  readonly done: number;
  /** No events now either; they are kept. */
  readonly refused: number;
  readonly failure: string | undefined;
}

/** See the head of this file. */
export class InletLetters {
  /** Tells the inlet from others and from sinks, whose names have no `@`. */
  readonly place: string;
  readonly #parts: InletLettersParts;

  constructor(parts: InletLettersParts) {
    this.#parts = parts;
    const { source, place } = parts.name;
    this.place = place === "" ? `@${source}` : `@${source}/${place}`;
  }

  /** Letters after number `after`, ascending, as the API shows them. */
  list(after: number, limit: number): { readonly number: number; readonly json: object }[] {
    const { source, place } = this.#parts.name;
    return this.#list(after, limit).map(({ number, letter }) => ({
      number,
      json: {
        ...{ id: `${this.place}#${number}`, source, place, position: letter.position },
        ...{ reason: letter.reason, refusedAt: new Date(letter.takenMs).toISOString() },
        ...{ text: letter.value.toString("utf8"), cut: letter.isCut, ...letter.names },
      },
    }));
  }

  /** Counts letters as records of the inlet are counted now. Those that are no events now either stay as they are. */
  replay(numbers: readonly number[] | "all"): Promise<LetterReport> {
    return this.#settle(numbers, true);
  }

  /** Forgets letters; in the ledger they stay rejected. */
  drop(numbers: readonly number[] | "all"): Promise<LetterReport> {
    return this.#settle(numbers, false);
  }

  async #settle(numbers: readonly number[] | "all", isCounted: boolean): Promise<LetterReport> {
    let [done, refused, after] = [0, 0, -1];
    for (;;) {
      const page = this.#select(numbers, after);
      const last = page.at(-1);
      if (last === undefined) return { done, refused, failure: undefined };
      after = last.number;
      for (const part of Map.groupBy(page, namesKey).values()) {
        const report = await this.#settlePart(part, isCounted);
        done += report.done;
        refused += report.refused;
        if (report.failure !== undefined) return { done, refused, failure: report.failure };
      }
    }
  }

  /** Settles letters that are counted alike. */
  async #settlePart(part: readonly KeptLetter[], isCounted: boolean): Promise<LetterReport> {
    const { name, platform, newCounter } = this.#parts;
    const names = part[0]?.letter.names;
    const [probe, counter] = [newCounter(names), newCounter(names)];
    if (isCounted && (probe === undefined || counter === undefined)) {
      const failure = `the source ${name.source} does not read ${name.place || "it"} any more`;
      return { done: 0, refused: 0, failure };
    }
    const limitMs = platform.clock.now() + this.#parts.maxFutureMs;
    const settled: SettledLetter[] = [];
    for (const { number, letter } of part) {
      const { value, position, isCut, reason } = letter;
      // Places in requests repeat; a request's counter is new each time, and numbers do not.
      const place = names === undefined ? position : number;
      if (isCounted) {
        // Of a longer record only the beginning is kept.
        if (isCut || probe?.add(value, place, limitMs) !== undefined) continue;
        counter?.add(value, place, limitMs);
      }
      settled.push({ number, reason, bytes: value.length });
    }
    const refused = part.length - settled.length;
    if (settled.length === 0) return { done: 0, refused, failure: undefined };
    const failure = await this.#append(settled, isCounted, counter);
    return { done: failure === undefined ? settled.length : 0, refused, failure };
  }

  /** Appends what is settled; returns why it is not, or not known to be. */
  async #append(
    settled: readonly SettledLetter[],
    isCounted: boolean,
    counter: RecordCounter | undefined,
  ): Promise<string | undefined> {
    const { name, records, platform } = this.#parts;
    const nowMs = platform.clock.now();
    const batch = isCounted ? counter?.take(nowMs).batch : undefined;
    const limit = new AbortController();
    const finished = new AbortController();
    try {
      const appended = await records.append({
        ...{ kind: "inlet", ...name, letters: [], batch: batch ?? nothing(name.source, nowMs) },
        records: { kind: "letters", isCounted, settled },
      });
      const { timers } = platform;
      const waiting = timers.sleep(WORD_WAIT_MS_MAX, finished.signal).then(() => limit.abort());
      const word = await appended.word(limit.signal);
      finished.abort();
      await waiting;
      if (word === undefined) return "it is in the log, and will be done";
      return word.verdict === "applied" ? undefined : "somebody else was there first; ask again";
    } catch (error) {
      if (!(error instanceof TailraceError) || error.retry === "never") throw error;
      return error.message;
    }
  }

  #list(after: number, limit: number): readonly KeptLetter[] {
    return this.#parts.kept(after, limit);
  }

  #select(numbers: readonly number[] | "all", after: number): readonly KeptLetter[] {
    if (numbers === "all") return this.#list(after, LETTERS_AT_ONCE);
    const wanted = numbers.filter((number) => number > after).toSorted((a, b) => a - b);
    const found: KeptLetter[] = [];
    for (const number of new Set(wanted)) {
      if (found.length === LETTERS_AT_ONCE) break;
      found.push(...this.#list(number - 1, 1).filter((each) => each.number === number));
    }
    return found;
  }
}

function namesKey({ letter: { names } }: KeptLetter): string {
  return names === undefined ? "" : JSON.stringify([names.stream, names.service]);
}

/** A batch of no records. */
function nothing(source: string, nowMs: number): Buffer {
  return encodeBatch({
    ...{ agent: source, epoch: DIGEST_NONE, sequence: 1, previousDigest: DIGEST_NONE },
    ...{ sealedAtMs: nowMs, deltas: [], checkpoints: [], ledger: [], sources: [] },
    ...{ events: [], holes: [], selectorRevision: "", tombstone: undefined },
  });
}
