import type { HttpResponse } from "../../shared/platform/network.ts";
import { problemAnswer, type QueryFault } from "../../shared/protocol/http-answer.ts";

/** What `from` and `to` mean: ISO 8601 with a zone, or a date alone, which is midnight in UTC. */
const INSTANT =
  /^[+-]?\d{4,6}-\d{2}-\d{2}(?:$|T\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})$)/;

/** The parameters of a query, read strictly: every one that cannot be understood is named, and none is ignored. */
export class QueryParameters {
  readonly faults: QueryFault[] = [];
  readonly #parameters: URLSearchParams;

  /** `query` is what follows the question mark; `known` are the names that mean something, `repeatable` those that may stand more than once. */
  constructor(query: string, known: readonly string[], repeatable: readonly string[] = []) {
    this.#parameters = new URLSearchParams(query);
    for (const name of new Set(this.#parameters.keys())) {
      if (!known.includes(name)) {
        this.fault(name, `There is no such parameter; known are ${known.join(", ")}.`);
      } else if (this.#parameters.getAll(name).length > 1 && !repeatable.includes(name)) {
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

  /** The values that `parse` makes of a parameter, each time that it stands there; where it makes none, `want` says what was expected. */
  readAll<T>(
    name: string,
    parse: (text: string) => T | undefined,
    want: string | ((text: string) => string),
  ): T[] {
    return this.#parameters.getAll(name).flatMap((text) => {
      const value = parse(text);
      if (value !== undefined) return [value];
      const wanted = typeof want === "string" ? want : want(text);
      this.fault(name, `Expected ${wanted}, got ${JSON.stringify(text)}.`);
      return [];
    });
  }

  /** A text that is not empty; undefined when it is not given. */
  text(name: string, want: string): string | undefined {
    return this.read<string | undefined>(name, undefined, nonEmpty, want);
  }

  /** The times `from` and `to`, in milliseconds since the Unix epoch, infinite where they are not given. */
  range(): { readonly fromMs: number; readonly toMs: number } {
    const instant = "a time such as 2026-11-20T10:00:00Z";
    const fromMs = this.read("from", Number.NEGATIVE_INFINITY, parseInstantMs, instant);
    const toMs = this.read("to", Number.POSITIVE_INFINITY, parseInstantMs, instant);
    if (fromMs > toMs) this.fault("from", "It is later than `to`.");
    return { fromMs, toMs };
  }

  /** Where the page before ended: the parameter `next`, or `cursor`, as `decode` reads it. */
  after<T>(decode: (text: string) => T | undefined): T | undefined {
    const want = "the `next` of an earlier answer to the same query";
    const read = (name: string) => this.read<T | undefined>(name, undefined, decode, want);
    return read("next") ?? read("cursor");
  }

  /** How many results are wanted, from 1 to `max`, which it is when nothing is said. */
  limit(max: number): number {
    return this.read("limit", max, limitUpTo(max), `a whole number from 1 to ${max}`);
  }

  /** The answer to a query with faults; undefined when there are none. */
  get refusal(): HttpResponse | undefined {
    return this.faults.length === 0 ? undefined : queryRefusal(this.faults);
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

/** The answer to a query with faults. */
export function queryRefusal(faults: readonly QueryFault[]): HttpResponse {
  const names = faults.map(({ parameter }) => `\`${parameter}\``).join(", ");
  const detail = `Cannot understand ${names}. ${faults.map((fault) => fault.detail).join(" ")}`;
  return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
}

/** The text that brings what comes behind a place, and back: base64url of JSON. */
export function encodePlace(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString("base64url");
}

/** The whole number and the text that {@link encodePlace} wrote, or undefined when `text` is no such thing. */
export function decodePlace(text: string): readonly [number: number, name: string] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    // Not ours; the caller says so.
    return undefined;
  }
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const number: unknown = value[0];
  const name: unknown = value[1];
  if (typeof number !== "number" || !Number.isSafeInteger(number)) return undefined;
  return typeof name === "string" ? [number, name] : undefined;
}

/** Milliseconds since the Unix epoch of an ISO 8601 time with a zone, or undefined. */
export function parseInstantMs(text: string): number | undefined {
  // In a query a `+` that was not escaped arrives as a space.
  const repaired = text.replace(/ (\d{2}:?\d{2})$/, "+$1").replace(",", ".");
  if (!INSTANT.test(repaired)) return undefined;
  const withColon = repaired.replace(/([+-]\d{2})(\d{2})$/, (whole, hours, minutes) =>
    repaired.includes("T") ? `${hours}:${minutes}` : whole,
  );
  const instantMs = Date.parse(withColon);
  return Number.isNaN(instantMs) ? undefined : instantMs;
}
