/** Gives every text a number, in order of first use: a batch names each text once. */
export class StringTable {
  /** The texts by their numbers. */
  readonly list: string[] = [];
  readonly #indexes = new Map<string, number>();

  index(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    const index = this.list.length;
    this.#indexes.set(text, index);
    this.list.push(text);
    return index;
  }
}
