/** Inputs that nobody would write: known ones with bytes flipped, cut out, doubled, swapped for others, and mixed with one another. */
import type { Prng } from "../../shared/platform/simulated/prng.ts";

/** No input is longer, in bytes. */
export const INPUT_BYTES_MAX = 65_536;
/** Bytes at which code often decides something. */
const EDGES: readonly [number, ...number[]] = [
  ...([0, 1, 9, 10, 13, 31, 32, 34, 39, 44, 45, 46, 47] as const),
  ...[48, 57, 58, 60, 61, 62, 91, 92, 93, 123, 125, 127, 128, 191, 192, 239, 255],
];
const MUTATIONS_MAX = 6;
const REPEAT_MAX = 400;

type Mutation = (prng: Prng, input: Buffer, other: Buffer) => Buffer;

/** A place in an input, and the place where what begins there ends. */
function range(prng: Prng, input: Buffer): [from: number, to: number] {
  const from = prng.below(input.length + 1);
  const longest = prng.chance(0.8) ? 16 : input.length;
  return [from, Math.min(input.length, from + 1 + prng.below(longest))];
}

function withByte(input: Buffer, at: number, byte: number): Buffer {
  const bytes = Buffer.from(input);
  if (bytes.length > 0) bytes[at] = byte;
  return bytes;
}

function replaced(input: Buffer, from: number, to: number, by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, from), by, input.subarray(to)]);
}

const MUTATIONS: readonly [Mutation, ...Mutation[]] = [
  (prng, input) => {
    const at = prng.below(input.length);
    return withByte(input, at, (input[at] ?? 0) ^ (1 << prng.below(8)));
  },
  (prng, input) => withByte(input, prng.below(input.length), prng.pick(EDGES)),
  (prng, input) => {
    const at = prng.below(input.length + 1);
    return replaced(input, at, at, Buffer.of(prng.pick(EDGES)));
  },
  (prng, input) => replaced(input, ...range(prng, input), Buffer.alloc(0)),
  (prng, input) => {
    const [from, to] = range(prng, input);
    const piece = input.subarray(from, to);
    const count = 1 + prng.below(prng.chance(0.1) ? REPEAT_MAX : 3);
    return replaced(input, to, to, Buffer.concat(Array.from({ length: count }, () => piece)));
  },
  (prng, input, other) => {
    const [from, to] = range(prng, other);
    const at = prng.below(input.length + 1);
    return replaced(input, at, at, other.subarray(from, to));
  },
  (prng, input, other) => {
    const [from, to] = range(prng, other);
    return replaced(input, ...range(prng, input), other.subarray(from, to));
  },
  (prng, input, other) =>
    Buffer.concat([
      input.subarray(0, prng.below(input.length + 1)),
      other.subarray(prng.below(other.length + 1)),
    ]),
  (prng, input) => {
    const digits = Buffer.from(
      prng.chance(0.5) ? String(prng.word()) : String((prng.float() - 0.5) * 10 ** prng.below(30)),
    );
    return replaced(input, ...range(prng, input), digits);
  },
  (prng, input) => input.subarray(0, prng.below(input.length + 1)),
];

/** A new input made from known ones. */
export function mutate(prng: Prng, corpus: readonly [Buffer, ...Buffer[]]): Buffer {
  let input = prng.pick(corpus);
  for (let count = 1 + prng.below(MUTATIONS_MAX); count > 0; count--) {
    input = prng.pick(MUTATIONS)(prng, input, prng.pick(corpus)).subarray(0, INPUT_BYTES_MAX);
  }
  return input;
}
