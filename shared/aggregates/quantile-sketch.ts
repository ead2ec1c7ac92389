/**
 * DDSketch (Masson, Rim, Lee: "DDSketch: A Fast and Fully-Mergeable Quantile Sketch with Relative-Error Guarantees", VLDB 2019, section 2)
 * over integers, with the cubically interpolated mapping: only additions and multiplications, so that every machine finds the same bucket.
 * Zero has a bucket of its own; buckets are never collapsed, since values up to 2^40 need at most 1,401 of them.
 *
 * Different from the paper: values are integers, so a bucket stands for the middle of the integers that fall in it, not of its real
 * bounds. Small buckets hold one integer only and are exact.
 */

/** Relative accuracy of every quantile. */
export const RELATIVE_ACCURACY = 0.01;

/** Values are below this; a bucket index is then at most {@link BUCKET_INDEX_MAX}. */
export const SKETCH_VALUE_LIMIT: number = 2 ** 40;

/** The highest bucket index of a value below {@link SKETCH_VALUE_LIMIT}. */
export const BUCKET_INDEX_MAX = 1400;

const A = 6 / 35;
const B = -3 / 5;
const C = 10 / 7;

/**
 * Buckets per unit of the interpolated logarithm: 1 / ln(1.01 / 0.99) / C. Written out, because the last bit of a library's logarithm
 * differs between machines and a value at a bucket's bound would change sides.
 */
export const BUCKET_MULTIPLIER = 34.99883330222059;

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

/** The smallest integer in [1, 2^40] whose bucket is `index` or a later one. */
function firstInteger(index: number): number {
  let low = 1;
  let high = SKETCH_VALUE_LIMIT;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (bucketIndex(middle) >= index) high = middle;
    else low = middle + 1;
  }
  return low;
}

const bucketValues: number[] = [];

/**
 * The value that stands for a bucket: within 1 % of every integer in it, an integer wherever one is.
 * `index` is in [0, {@link BUCKET_INDEX_MAX}].
 */
export function bucketValue(index: number): number {
  const known = bucketValues[index];
  if (known !== undefined) return known;
  const first = firstInteger(index);
  const last = Math.max(first, firstInteger(index + 1) - 1);
  const middle = (2 * first * last) / (first + last);
  const whole = Math.round(middle);
  const wholeFits =
    whole - first <= RELATIVE_ACCURACY * first && last - whole <= RELATIVE_ACCURACY * last;
  const value = wholeFits ? whole : middle;
  bucketValues[index] = value;
  return value;
}

/** The position, from 1, of the q-quantile among `count` sorted values: the smallest rank >= q × count. q has at most 6 decimals. */
export function nearestRank(q: number, count: number): number {
  // In millionths, because 0.07 * 100 is more than 7 in binary.
  return Math.max(1, Math.ceil((Math.round(q * 1e6) * count) / 1e6));
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

  /** Counts one integer in [0, 2^40). */
  add(value: number): void {
    this.count++;
    if (value === 0) {
      this.zeroCount++;
      return;
    }
    const index = bucketIndex(value);
    const at = index - this.first;
    const bin = this.bins[at];
    if (bin === undefined) {
      this.cover(index, index);
      this.bins[index - this.first] = 1;
    } else this.bins[at] = bin + 1;
  }

  /** Makes room in `bins` for the buckets from `first` to `last`, both of which the caller then counts something in. */
  cover(first: number, last: number): void {
    if (this.bins.length === 0) {
      this.first = first;
      this.bins = new Array<number>(last - first + 1).fill(0);
      return;
    }
    if (first < this.first) {
      const gap: number[] = new Array(this.first - first).fill(0);
      this.bins = gap.concat(this.bins);
      this.first = first;
    }
    const length = last - this.first + 1;
    while (this.bins.length < length) this.bins.push(0);
  }

  /** Adds all of `other`, which stays as it is. */
  merge(other: QuantileSketch): void {
    this.count += other.count;
    this.zeroCount += other.zeroCount;
    if (other.bins.length === 0) return;
    if (this.bins.length === 0) {
      this.first = other.first;
      this.bins = other.bins.slice();
      return;
    }
    this.cover(other.first, other.first + other.bins.length - 1);
    const shift = other.first - this.first;
    for (let at = 0; at < other.bins.length; at++) {
      this.bins[at + shift] = (this.bins[at + shift] ?? 0) + (other.bins[at] ?? 0);
    }
  }

  /**
   * The value at the nearest rank of `q` in [0, 1], within 1 % (zero exactly); undefined when there are no values.
   * Callers that know the exact extremes clamp to them.
   */
  quantile(q: number): number | undefined {
    if (this.count === 0) return undefined;
    let rest = nearestRank(q, this.count) - this.zeroCount;
    if (rest <= 0) return 0;
    let at = 0;
    while (at < this.bins.length - 1) {
      rest -= this.bins[at] ?? 0;
      if (rest <= 0) break;
      at++;
    }
    return bucketValue(this.first + at);
  }
}
