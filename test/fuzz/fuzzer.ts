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
/** Longer inputs are fed but not kept: what the fuzzer itself holds must stay far below what a target may. */
const KEPT_BYTES_MAX = 2_048;
/** As many answers are told from others; by their beginnings, for the same reason. */
const ANSWERS_MAX = 4 * CORPUS_MAX;
const ANSWER_LENGTH_MAX = 128;

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

  /** Bytes of inputs and answers that are kept. */
  get keptBytes(): number {
    const inputs = this.#corpus.reduce((sum, input) => sum + input.length, 0);
    return inputs + this.#answers.size * ANSWER_LENGTH_MAX;
  }

  /** Feeds one input: first every seed as it is, then new ones. Fails with {@link FuzzFault}. `before` is told the input. */
  async step(before: (input: Buffer) => void): Promise<void> {
    const input = this.#seedsLeft.shift() ?? mutate(this.#prng, this.#corpus);
    before(input);
    const answer = (await feed(this.#target, input)).slice(0, ANSWER_LENGTH_MAX);
    if (this.#answers.has(answer) || this.#answers.size >= ANSWERS_MAX) return;
    // A copy: a slice would keep the whole answer.
    this.#answers.add(Buffer.from(answer).toString());
    if (input.length > KEPT_BYTES_MAX) return;
    // Not from Node's pool, of which a kept piece would keep 64 KiB.
    const kept = Buffer.alloc(input.length);
    input.copy(kept);
    if (this.#corpus.length < CORPUS_MAX) this.#corpus.push(kept);
    else this.#corpus[this.#prng.below(CORPUS_MAX)] = kept;
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
