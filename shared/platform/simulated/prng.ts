/** A source of reproducible randomness: sfc32 (Doty-Humphrey, PractRand), small, fast and good enough to explore with. */
export class Prng {
  private a: number;
  private b: number;
  private c: number;
  private counter: number;

  constructor(seed: number) {
    this.a = seed | 0;
    this.b = Math.floor(seed / 0x1_0000_0000) | 0;
    this.c = 0x9e3779b9 | 0;
    this.counter = 1;
    // The first outputs of neighbouring seeds resemble each other.
    for (let round = 0; round < 15; round++) this.word();
  }

  /** 32 random bits, as an unsigned integer. */
  word(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number in [0, 1). */
  float(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** True with probability `share`. */
  chance(share: number): boolean {
    return this.float() < share;
  }

  /** An integer in [0, limit). */
  below(limit: number): number {
    return Math.floor(this.float() * limit);
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.float() * (to - from);
  }

  /** One of the values. */
  pick<T>(values: readonly [T, ...T[]]): T {
    return values[this.below(values.length)] ?? values[0];
  }

  /** `count` random bytes. */
  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count);
    for (let at = 0; at < count; at++) bytes[at] = this.word() & 0xff;
    return bytes;
  }
}
