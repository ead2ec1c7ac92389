/** Lets one work go on at a time, in the order in which it was asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Begins `work` when all before it has settled; settles as it does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    // Whoever asked for the work hears of its failure; the next one does not.
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
