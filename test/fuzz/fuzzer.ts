/** Feeds a target with ever stranger inputs: what it answers in a new way joins those that are mutated next. The same seed feeds the same. */
import { Prng } from "../../shared/platform/simulated/prng.ts";
import type { FuzzTarget } from "./fuzz-target.ts";
import { mutate } from "./mutate.ts";

/** An input that broke something. */
export class FuzzFault extends Error {
  readonly input: Buffer;

  constructor(input: Buffer, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`${why}\ninput (base64): ${input.toString("base64")}`, { cause });
    this.input = input;
  }
}

/** Inputs that are kept; later ones take the places of random earlier ones. */
const CORPUS_MAX = 4_096;

/** See the head of this file. */
export class Fuzzer {
  readonly #target: FuzzTarget;
  readonly #prng: Prng;
  readonly #corpus: [Buffer, ...Buffer[]];
  readonly #answers = new Set<string>();
  #seedsLeft: Buffer[];

  constructor(target: FuzzTarget, seed: number) {
    this.#target = target;
    this.#prng = new Prng(seed);
    this.#corpus = [...target.seeds];
    this.#seedsLeft = [...target.seeds];
  }

  /** Count of different answers so far. */
  get answerCount(): number {
    return this.#answers.size;
  }

  /** Feeds one input: first every seed as it is, then new ones. Fails with {@link FuzzFault}. `before` is told the input. */
  async step(before: (input: Buffer) => void): Promise<void> {
    const input = this.#seedsLeft.shift() ?? mutate(this.#prng, this.#corpus);
    before(input);
    const answer = await feed(this.#target, input);
    if (this.#answers.has(answer) || this.#answers.size >= CORPUS_MAX * 4) return;
    this.#answers.add(answer);
    if (this.#corpus.length < CORPUS_MAX) this.#corpus.push(Buffer.from(input));
    else this.#corpus[this.#prng.below(CORPUS_MAX)] = Buffer.from(input);
  }
}

/** Feeds one input. Fails with {@link FuzzFault}. */
export async function feed(target: FuzzTarget, input: Buffer): Promise<string> {
  try {
    return await target.feed(Buffer.from(input));
  } catch (error) {
    throw new FuzzFault(Buffer.from(input), error);
  }
}
