/** Something that takes bytes from strangers. */
export interface FuzzTarget {
  /** Inputs to begin with. */
  readonly seeds: readonly [Buffer, ...Buffer[]];
  /**
   * Feeds an input and checks everything that must hold; whatever it throws is a fault. Answers with what became of the input, in a few
   * words: an input with a new answer is worth more mutations.
   */
  readonly feed: (input: Buffer) => string | Promise<string>;
}
