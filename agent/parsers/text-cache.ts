/** Longer texts are decoded every time: they are rare, and keeping them would cost more than it saves. */
const TEXT_BYTES_MAX = 64;
/** A power of two. A log names some dozens of services; two that share a slot only cost a decoding. */
const SLOT_COUNT = 4096;

/** Remembers what texts mean by their bytes, so that a name that occurs a million times is decoded once. Bounded. */
export class TextCache<Value> {
  readonly #decode: (text: string) => Value;
  // Made when first asked: a guess of a format has a parser for each, and most never ask.
  #keys: (Uint8Array | undefined)[] = [];
  #values: (Value | undefined)[] = [];

  /** `decode` is asked once for each text, or again when the text was forgotten: it must always answer the same. */
  constructor(decode: (text: string) => Value) {
    this.#decode = decode;
  }

  /** What the UTF-8 text `buffer[from, to)` means. */
  get(buffer: Buffer, from: number, to: number): Value {
    const length = to - from;
    if (this.#keys.length === 0) {
      this.#keys = new Array(SLOT_COUNT).fill(undefined);
      this.#values = new Array(SLOT_COUNT).fill(undefined);
    }
    if (length > TEXT_BYTES_MAX) return this.#decode(buffer.toString("utf8", from, to));
    let hash = 0x811c9dc5;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ (buffer[at] ?? 0), 0x01000193);
    const slot = (hash ^ (hash >>> 12)) & (SLOT_COUNT - 1);
    const key = this.#keys[slot];
    const known = this.#values[slot];
    if (key !== undefined && known !== undefined && key.length === length) {
      let at = 0;
      while (at < length && key[at] === buffer[from + at]) at++;
      if (at === length) return known;
    }
    const value = this.#decode(buffer.toString("utf8", from, to));
    this.#keys[slot] = Uint8Array.prototype.slice.call(buffer, from, to);
    this.#values[slot] = value;
    return value;
  }
}
