/** How a range of keys is walked. */
export interface RangeOptions {
  readonly limit?: number;
  readonly reverse?: boolean;
}

/**
 * A map from strings to bytes in the order of the keys (by code unit), wholly in memory.
 *
 * The keys stand in one sorted array beside a hash map: a new key costs one binary search and one move of the pointers behind it, which
 * is cheaper than any tree up to some hundred thousand keys. Replacing the value of a known key costs the hash map alone.
 */
export class OrderedMap {
  readonly #values: Map<string, Buffer>;
  readonly #keys: string[];

  constructor(entries?: OrderedMap) {
    this.#values = new Map(entries === undefined ? [] : entries.#values);
    this.#keys = entries === undefined ? [] : entries.#keys.slice();
  }

  get size(): number {
    return this.#keys.length;
  }

  get(key: string): Buffer | undefined {
    return this.#values.get(key);
  }

  /** Puts a value, or takes the key out when `value` is undefined. The value is kept, not copied. */
  set(key: string, value: Buffer | undefined): void {
    const known = this.#values.has(key);
    if (value === undefined) {
      if (!known) return;
      this.#values.delete(key);
      this.#keys.splice(this.#indexOf(key), 1);
      return;
    }
    this.#values.set(key, value);
    if (!known) this.#keys.splice(this.#indexOf(key), 0, key);
  }

  /**
   * Entries with `from` <= key < `to`, ascending or, when `reverse`, descending; at most `limit`. The map may change while the range is
   * walked: the walk goes on at the next key that is there then.
   */
  *range(
    from: string,
    to: string,
    options: RangeOptions = {},
  ): Generator<readonly [key: string, value: Buffer]> {
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let index = options.reverse === true ? this.#indexOf(to) - 1 : this.#indexOf(from);
    for (; left > 0; left--) {
      const key = this.#keys[index];
      if (key === undefined || key < from || key >= to) return;
      const value = this.#values.get(key);
      if (value !== undefined) yield [key, value];
      if (this.#keys[index] !== key) index = this.#indexAfterChange(key, options.reverse === true);
      else index += options.reverse === true ? -1 : 1;
    }
  }

  #indexAfterChange(key: string, reverse: boolean): number {
    const index = this.#indexOf(key);
    if (reverse) return index - 1;
    return this.#keys[index] === key ? index + 1 : index;
  }

  /** Index of the first key that is not below `key`. */
  #indexOf(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const candidate = this.#keys[middle];
      if (candidate !== undefined && candidate < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
