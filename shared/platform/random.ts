import { randomBytes } from "node:crypto";

/** Randomness. */
export interface Random {
  /** A number in [0, 1). */
  float(): number;
  /** `count` unpredictable bytes. */
  bytes(count: number): Buffer;
}

/** The randomness of this machine. */
export const realRandom: Random = {
  float: () => Math.random(),
  bytes: (count) => randomBytes(count),
};
