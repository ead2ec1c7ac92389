/**
 * DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019, section 2)
 * over integers, with the cubically interpolated mapping: only additions and multiplications, so that every machine finds the same bucket.
 * Zero has a bucket of its own; buckets are never collapsed, since values below 2^40 need at most 1,401 of them.
 */

/** Relative accuracy of every quantile. */
export const RELATIVE_ACCURACY = 0.01;

const A = 6 / 35;
const B = -3 / 5;
const C = 10 / 7;
const GAMMA_MINUS_ONE = (2 * RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const GAMMA = 1 + GAMMA_MINUS_ONE;
/** Buckets per unit of the interpolated logarithm. */
export const BUCKET_MULTIPLIER: number = 1 / Math.log(GAMMA) / C;

const doubles = new Float64Array(1);
const words = new Uint32Array(doubles.buffer);

/** The bucket of an integer >= 1: the same index as `CubicallyInterpolatedMapping.key` of @datadog/sketches-js. */
export function bucketIndex(value: number): number {
  doubles[0] = value;
  const high = words[1] ?? 0;
  const exponent = (high >>> 20) - 1023;
  words[1] = (high & 0xfffff) | 0x3ff00000;
  const significand = doubles[0] - 1;
  const log2 = ((A * significand + B) * significand + C) * significand + exponent;
  return Math.ceil(log2 * BUCKET_MULTIPLIER);
}

/** A mergeable summary of integers in [0, 2^40). */
export class QuantileSketch {
  zeroCount = 0;
  /** Bucket index of `bins[0]`; meaningless while `bins` is empty. */
  first = 0;
  /** Counts of consecutive buckets, both ends not zero. */
  bins: number[] = [];
  /** Count of all values. */
  count = 0;

  add(value: number): void {
    this.count++;
    if (value === 0) this.zeroCount++;
    else this.addBin(bucketIndex(value), 1);
  }

  /** Adds `count` values to one bucket without counting them in {@link count}: for callers that decode; they keep the total. */
  addBin(index: number, count: number): void {
    if (this.bins.length === 0) {
      this.first = index;
      this.bins.push(count);
      return;
    }
    while (index < this.first) {
      this.bins.unshift(0);
      this.first--;
    }
    const at = index - this.first;
    while (at >= this.bins.length) this.bins.push(0);
    this.bins[at] = (this.bins[at] ?? 0) + count;
  }

  merge(other: QuantileSketch): void {
    this.count += other.count;
    this.zeroCount += other.zeroCount;
    for (let at = 0; at < other.bins.length; at++) {
      const binCount = other.bins[at] ?? 0;
      if (binCount > 0) this.addBin(other.first + at, binCount);
    }
  }
}
