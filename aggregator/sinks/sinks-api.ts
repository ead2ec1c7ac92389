/** What operators ask of sinks over HTTP: how they are doing, which results they refused, and to write something again. */
import { z } from "zod";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { readJsonBody, shapeRefusal } from "../../shared/protocol/json-body.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { NumberedLetter } from "./dead-letters.ts";
import type { Delivery } from "./deliver.ts";

/** A delivery with what it delivers from. */
export interface FedDelivery {
  readonly delivery: Delivery;
  readonly feed: ChangeFeed;
}

const LIMIT_DEFAULT = 100;

const lettersQuery = z.strictObject({
  sink: z.string().min(1).optional(),
  id: z.string().min(1).optional(),
  next: z.string().min(1).optional(),
  limit: z.coerce.number().int().min(1).max(1_000).prefault(LIMIT_DEFAULT),
});

const selection = z.union(
  [
    z.strictObject({ ids: z.array(z.string()).min(1).max(10_000) }),
    z.strictObject({ sink: z.string() }),
  ],
  { error: "expected `ids`, a list of dead letters, or `sink`, the name of one" },
);

const rewriting = z.strictObject({
  sink: z.string(),
  from: z.iso.datetime({ offset: true, error: "expected a time such as 2026-11-20T10:00:00Z" }),
});

/** Answers what is asked of sinks. See the head of this file. */
export class SinksApi {
  readonly #deliveries: () => readonly FedDelivery[];

  constructor(deliveries: () => readonly FedDelivery[]) {
    this.#deliveries = deliveries;
  }

  /** `GET /v1/sinks` */
  status(): HttpResponse {
    const sinks = this.#deliveries().map(({ delivery, feed }) => {
      const { name, type, results, breaker, outcomes, deadCount, failure, change } =
        delivery.status;
      const behind = Math.max(0, feed.newestChange() - change);
      const facts = { breaker, behind, outcomes, deadLetters: deadCount };
      return { name, type, results, ...facts, failure: failure ?? null };
    });
    return jsonAnswer(200, { sinks });
  }

  /** `GET /v1/dead-letters`; `query` is what follows the question mark. */
  letters(query: string): HttpResponse {
    const parsed = lettersQuery.safeParse(Object.fromEntries(new URLSearchParams(query)));
    if (!parsed.success) return shapeRefusal("The query", parsed.error);
    const { sink, id, next, limit } = parsed.data;
    if (id !== undefined) {
      const found = this.#letter(id);
      return found === undefined ? noSuchLetter(id) : jsonAnswer(200, { deadLetters: [found] });
    }
    const asked = this.#named(sink);
    if (asked.length === 0 && sink !== undefined) return this.#noSuchSink(sink);
    const after = next === undefined ? undefined : parseId(next);
    const first = asked.findIndex(({ place }) => place === after?.place);
    const letters: object[] = [];
    for (const [index, delivery] of asked.entries()) {
      if (index < first) continue;
      const from = after !== undefined && index === first ? after.number : -1;
      const found = delivery.letters.list(from, limit + 1 - letters.length);
      letters.push(...found.map((each) => letterJson(delivery, each)));
      if (letters.length > limit) {
        const shown = letters.slice(0, limit);
        return jsonAnswer(200, { deadLetters: shown, next: Reflect.get(shown.at(-1) ?? {}, "id") });
      }
    }
    return jsonAnswer(200, { deadLetters: letters });
  }

  /** `POST /v1/dead-letters/replay` */
  async replayLetters(request: HttpRequest): Promise<HttpResponse> {
    const selected = this.#selected(request);
    if ("refused" in selected) return selected.refused;
    const total = { replayed: 0, refused: 0 };
    const failures: string[] = [];
    for (const { delivery, numbers } of selected.parts) {
      const report = await delivery.office.replay(numbers);
      total.replayed += report.replayed;
      total.refused += report.refused;
      if (report.failure !== undefined) failures.push(`${delivery.place}: ${report.failure}`);
    }
    return jsonAnswer(200, { ...total, failures });
  }

  /** `POST /v1/dead-letters/drop` */
  async dropLetters(request: HttpRequest): Promise<HttpResponse> {
    const selected = this.#selected(request);
    if ("refused" in selected) return selected.refused;
    let dropped = 0;
    for (const { delivery, numbers } of selected.parts) {
      dropped += await delivery.office.drop(numbers);
    }
    return jsonAnswer(200, { dropped });
  }

  /** `POST /v1/sinks/replay` */
  async replaySink(request: HttpRequest): Promise<HttpResponse> {
    const body = readJsonBody(request, rewriting);
    if ("refused" in body) return body.refused;
    const { sink, from } = body.value;
    const asked = this.#named(sink);
    if (asked.length === 0) return this.#noSuchSink(sink);
    if (asked.some((delivery) => delivery.isAppending)) {
      const detail = `${sink} appends: what it holds would stand there twice. Give the sink a new name and a new target instead.`;
      const faults = [{ parameter: "sink", detail }];
      return problemAnswer({ status: 400, code: "invalid_query", detail, faults });
    }
    for (const delivery of asked) await delivery.replayFrom(Date.parse(from));
    return jsonAnswer(200, { sink, from: new Date(from).toISOString() });
  }

  #named(sink: string | undefined): Delivery[] {
    const all = this.#deliveries().map(({ delivery }) => delivery);
    return sink === undefined ? all : all.filter(({ status }) => status.name === sink);
  }

  #letter(id: string): object | undefined {
    const parsed = parseId(id);
    const delivery = this.#named(undefined).find(({ place }) => place === parsed?.place);
    const found = parsed && delivery?.letters.get(parsed.number);
    return delivery && found && letterJson(delivery, found);
  }

  #selected(
    request: HttpRequest,
  ):
    | { readonly refused: HttpResponse }
    | { readonly parts: { delivery: Delivery; numbers: number[] | "all" }[] } {
    const body = readJsonBody(request, selection);
    if ("refused" in body) return body;
    if ("sink" in body.value) {
      const asked = this.#named(body.value.sink);
      if (asked.length === 0) return { refused: this.#noSuchSink(body.value.sink) };
      return { parts: asked.map((delivery) => ({ delivery, numbers: "all" })) };
    }
    const numbers = new Map<Delivery, number[]>();
    for (const id of body.value.ids) {
      const parsed = parseId(id);
      const delivery = this.#named(undefined).find(({ place }) => place === parsed?.place);
      if (parsed === undefined || delivery?.letters.get(parsed.number) === undefined) {
        return { refused: noSuchLetter(id) };
      }
      numbers.set(delivery, [...(numbers.get(delivery) ?? []), parsed.number]);
    }
    return { parts: [...numbers].map(([delivery, each]) => ({ delivery, numbers: each })) };
  }

  #noSuchSink(sink: string): HttpResponse {
    const known = [...new Set(this.#named(undefined).map(({ status }) => status.name))];
    const detail = `There is no sink ${JSON.stringify(sink)}; known are: ${known.join(", ")}.`;
    return problemAnswer({ status: 404, code: "not_found", detail });
  }
}

/** A letter's id is `PLACE#NUMBER`. */
function parseId(id: string): { readonly place: string; readonly number: number } | undefined {
  const found = /^(.+)#(\d{1,15})$/.exec(id);
  if (found === null) return undefined;
  return { place: found[1] ?? "", number: Number(found[2]) };
}

function letterJson(delivery: Delivery, { number, letter }: NumberedLetter): object {
  const { name, results } = delivery.status;
  const { reason, refusedAtMs, result } = letter;
  const shown: unknown = JSON.parse(result.json);
  return {
    id: `${delivery.place}#${number}`,
    sink: name,
    results,
    reason,
    refusedAt: new Date(refusedAtMs).toISOString(),
    resultId: result.id,
    revision: result.revision,
    result: shown,
  };
}

function noSuchLetter(id: string): HttpResponse {
  const detail = `There is no dead letter ${JSON.stringify(id)}; \`tailrace dlq ls\` shows all.`;
  return problemAnswer({ status: 404, code: "not_found", detail });
}
