/** What operators ask of dead letters, whoever holds them: results that a sink refused, and records of a source that were no events. */
import { z } from "zod";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { readJsonBody, shapeRefusal } from "../../shared/protocol/json-request.ts";

/** Letters by number, or all of a holder. */
export type LetterNumbers = readonly number[] | "all";

/** Who holds dead letters. A letter's id is `PLACE#NUMBER`. */
export interface LetterHolder {
  /** Like no other's. */
  readonly place: string;
  readonly kind: "sink" | "source";
  /** Name of the sink or source. */
  readonly name: string;
  /** Letters after number `after`, ascending, at most `limit`, as they are shown. */
  list(after: number, limit: number): readonly { readonly number: number; readonly json: object }[];
  /** Does again what failed; what fails again is kept. `failure` says why the rest was not tried. */
  replay(numbers: LetterNumbers): Promise<{
    readonly done: number;
    readonly refused: number;
    readonly failure: string | undefined;
  }>;
  /** Forgets letters. */
  drop(
    numbers: LetterNumbers,
  ): Promise<{ readonly done: number; readonly failure: string | undefined }>;
}

const LIMIT_DEFAULT = 100;

const lettersQuery = z.strictObject({
  sink: z.string().min(1).optional(),
  source: z.string().min(1).optional(),
  id: z.string().min(1).optional(),
  next: z.string().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).prefault(LIMIT_DEFAULT),
});

const selection = z.union(
  [
    z.strictObject({ ids: z.array(z.string()).min(1).max(10_000) }),
    z.strictObject({ sink: z.string().min(1) }),
    z.strictObject({ source: z.string().min(1) }),
  ],
  { error: "expected `ids`, a list of dead letters, or `sink` or `source`, the name of one" },
);

/** Whose letters: of one sink or source, or of all. */
interface Holders {
  readonly sink?: string | undefined;
  readonly source?: string | undefined;
}

/** See the head of this file. */
export class DeadLettersApi {
  readonly #holders: () => readonly LetterHolder[];

  /** `holders` may change: a source holds letters once it has some. */
  constructor(holders: () => readonly LetterHolder[]) {
    this.#holders = holders;
  }

  /** `GET /v1/dead-letters`; `query` is what follows the question mark. */
  letters(query: string): HttpResponse {
    const parsed = lettersQuery.safeParse(Object.fromEntries(new URLSearchParams(query)));
    if (!parsed.success) return shapeRefusal("The query", parsed.error);
    const { id, next, limit, ...named } = parsed.data;
    if (id !== undefined) {
      const found = this.#find(id);
      if (found === undefined) return noSuchLetter(id);
      const [letter] = found.holder.list(found.number - 1, 1);
      return jsonAnswer(200, { deadLetters: letter === undefined ? [] : [letter.json] });
    }
    const asked = this.#named(named);
    if ("refused" in asked) return asked.refused;
    const after = next === undefined ? undefined : parseId(next);
    const first = asked.holders.findIndex(({ place }) => place === after?.place);
    const letters: object[] = [];
    for (const [index, holder] of asked.holders.entries()) {
      if (index < first) continue;
      const from = after !== undefined && index === first ? after.number : -1;
      letters.push(...holder.list(from, limit + 1 - letters.length).map(({ json }) => json));
      if (letters.length > limit) {
        const shown = letters.slice(0, limit);
        return jsonAnswer(200, { deadLetters: shown, next: Reflect.get(shown.at(-1) ?? {}, "id") });
      }
    }
    return jsonAnswer(200, { deadLetters: letters });
  }

  /** `POST /v1/dead-letters/replay` */
  async replay(request: HttpRequest): Promise<HttpResponse> {
    const selected = this.#selected(request);
    if ("refused" in selected) return selected.refused;
    const total = { replayed: 0, refused: 0 };
    const failures: string[] = [];
    for (const { holder, numbers } of selected.parts) {
      const { done, refused, failure } = await holder.replay(numbers);
      total.replayed += done;
      total.refused += refused;
      if (failure !== undefined) failures.push(`${holder.place}: ${failure}`);
    }
    return jsonAnswer(200, { ...total, failures });
  }

  /** `POST /v1/dead-letters/drop` */
  async drop(request: HttpRequest): Promise<HttpResponse> {
    const selected = this.#selected(request);
    if ("refused" in selected) return selected.refused;
    let dropped = 0;
    const failures: string[] = [];
    for (const { holder, numbers } of selected.parts) {
      const { done, failure } = await holder.drop(numbers);
      dropped += done;
      if (failure !== undefined) failures.push(`${holder.place}: ${failure}`);
    }
    return jsonAnswer(200, { dropped, failures });
  }

  #named({
    sink,
    source,
  }: Holders): { readonly refused: HttpResponse } | { readonly holders: readonly LetterHolder[] } {
    const all = this.#holders();
    if (sink === undefined && source === undefined) return { holders: all };
    const holders = all.filter(({ kind, name }) => name === (kind === "sink" ? sink : source));
    // A source holds nothing before its first letter.
    if (holders.length > 0 || sink === undefined) return { holders };
    const known = [...new Set(all.filter(({ kind }) => kind === "sink").map(({ name }) => name))];
    const detail = `There is no sink ${JSON.stringify(sink)}; known are: ${known.join(", ")}.`;
    return { refused: problemAnswer({ status: 404, code: "not_found", detail }) };
  }

  #find(id: string): { readonly holder: LetterHolder; readonly number: number } | undefined {
    const parsed = parseId(id);
    const holder = this.#holders().find(({ place }) => place === parsed?.place);
    if (parsed === undefined || holder === undefined) return undefined;
    const { number } = parsed;
    const [letter] = holder.list(number - 1, 1);
    return letter?.number === number ? { holder, number } : undefined;
  }

  #selected(request: HttpRequest):
    | { readonly refused: HttpResponse }
    | {
        readonly parts: readonly {
          readonly holder: LetterHolder;
          readonly numbers: LetterNumbers;
        }[];
      } {
    const body = readJsonBody(request, selection);
    if ("refused" in body) return body;
    if (!("ids" in body.value)) {
      const asked = this.#named(body.value);
      if ("refused" in asked) return asked;
      return { parts: asked.holders.map((holder) => ({ holder, numbers: "all" })) };
    }
    const numbers = new Map<
      string,
      { readonly holder: LetterHolder; readonly numbers: number[] }
    >();
    for (const id of body.value.ids) {
      const found = this.#find(id);
      if (found === undefined) return { refused: noSuchLetter(id) };
      const { holder, number } = found;
      const part = numbers.get(holder.place) ?? { holder, numbers: [] };
      part.numbers.push(number);
      numbers.set(holder.place, part);
    }
    return { parts: [...numbers.values()] };
  }
}

function parseId(id: string): { readonly place: string; readonly number: number } | undefined {
  const found = /^(.+)#(\d{1,15})$/.exec(id);
  if (found === null) return undefined;
  return { place: found[1] ?? "", number: Number(found[2]) };
}

function noSuchLetter(id: string): HttpResponse {
  const detail = `There is no dead letter ${JSON.stringify(id)}; \`tailrace dlq ls\` shows all.`;
  return problemAnswer({ status: 404, code: "not_found", detail });
}
