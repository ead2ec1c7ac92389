/**
 * A binary heap that keeps equal elements in exactly the places where Java 17's `java.util.PriorityQueue` keeps them. Flink's answer to
 * which of two matches with the same first event goes first is this order of the array, so rules with a skip strategy need the same.
 */
export class PriorityQueue<T> implements Iterable<T> {
  readonly #compare: (a: T, b: T) => number;
  #items: T[] = [];

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  /** Number of elements. */
  get size(): number {
    return this.#items.length;
  }

  /** The smallest element. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** The elements in the order of the array, which is not sorted. */
  [Symbol.iterator](): Iterator<T> {
    return this.#items[Symbol.iterator]();
  }

  /** Adds `item`. */
  push(item: T): void {
    const items = this.#items;
    let at = items.length;
    items.push(item);
    while (at > 0) {
      const parentAt = (at - 1) >>> 1;
      const parent = items[parentAt];
      if (parent === undefined || this.#compare(item, parent) >= 0) break;
      items[at] = parent;
      at = parentAt;
    }
    items[at] = item;
  }

  /** Gives back the room for 17 elements that the first push makes, if few need it: an eighth of a key with one partial match. */
  trim(): void {
    if (this.#items.length <= FEW) this.#items = this.#items.slice();
  }

  /** Takes the smallest element out. */
  pop(): T | undefined {
    const top = this.#items[0];
    const last = this.#items.pop();
    if (last !== undefined && this.#items.length > 0) this.#sink(0, last);
    return top;
  }

  /** Takes out all elements for which `leaves` is true; the rest is made a heap anew, as Java's `removeAll` does. */
  remove(leaves: (item: T) => boolean): void {
    const kept = this.#items.filter((item) => !leaves(item));
    if (kept.length === this.#items.length) return;
    this.#items = kept;
    for (let at = (kept.length >>> 1) - 1; at >= 0; at--) {
      const item = kept[at];
      if (item !== undefined) this.#sink(at, item);
    }
  }

  #sink(from: number, item: T): void {
    const items = this.#items;
    const half = items.length >>> 1;
    let at = from;
    while (at < half) {
      let childAt = 2 * at + 1;
      let child = items[childAt];
      const right = items[childAt + 1];
      if (child === undefined) break;
      if (right !== undefined && this.#compare(child, right) > 0) {
        childAt++;
        child = right;
      }
      if (this.#compare(item, child) <= 0) break;
      items[at] = child;
      at = childAt;
    }
    items[at] = item;
  }
}

const FEW = 4;
