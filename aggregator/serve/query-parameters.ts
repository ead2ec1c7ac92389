import type { QueryFault } from "../../shared/protocol/http-answer.ts";

/** The parameters of a query, read strictly: every one that cannot be understood is named, and none is ignored. */
export class QueryParameters {
  readonly faults: QueryFault[] = [];
  readonly #parameters: URLSearchParams;

  /** `query` is what follows the question mark; `known` are the names that mean something. */
  constructor(query: string, known: readonly string[]) {
    this.#parameters = new URLSearchParams(query);
    for (const name of new Set(this.#parameters.keys())) {
      if (!known.includes(name)) {
        this.fault(name, `There is no such parameter; known are ${known.join(", ")}.`);
      } else if (this.#parameters.getAll(name).length > 1) {
        this.fault(name, "It is given more than once.");
      }
    }
  }

  /** The value that `parse` makes of a parameter, `absent` without one; when it makes none, `want` says what was expected. */
  read<T>(name: string, absent: T, parse: (text: string) => T | undefined, want: string): T {
    const text = this.#parameters.get(name);
    if (text === null) return absent;
    const value = parse(text);
    if (value === undefined) this.fault(name, `Expected ${want}, got ${JSON.stringify(text)}.`);
    return value ?? absent;
  }

  /** Notes what is wrong with a parameter. */
  fault(parameter: string, detail: string): void {
    this.faults.push({ parameter, detail });
  }
}

/** A text that is not empty. */
export function nonEmpty(text: string): string | undefined {
  return text === "" ? undefined : text;
}

/** A parser of whole numbers from 1 to `max`. */
export function limitUpTo(max: number): (text: string) => number | undefined {
  return (text) => {
    if (!/^\d{1,6}$/.test(text)) return undefined;
    const limit = Number.parseInt(text, 10);
    return limit >= 1 && limit <= max ? limit : undefined;
  };
}
