/** What operators ask of sinks over HTTP: how they are doing, and to write something again. */
import { z } from "zod";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import { jsonAnswer, problemAnswer } from "../../shared/protocol/http-answer.ts";
import { readJsonBody } from "../../shared/protocol/json-request.ts";
import type { ChangeFeed } from "./change-feed.ts";
import type { Delivery } from "./deliver.ts";

/** A delivery with what it delivers from. */
export interface FedDelivery {
  readonly delivery: Delivery;
  readonly feed: ChangeFeed;
}

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

  #named(sink: string): Delivery[] {
    return this.#all().filter(({ status }) => status.name === sink);
  }

  #all(): Delivery[] {
    return this.#deliveries().map(({ delivery }) => delivery);
  }

  #noSuchSink(sink: string): HttpResponse {
    const known = [...new Set(this.#all().map(({ status }) => status.name))];
    const detail = `There is no sink ${JSON.stringify(sink)}; known are: ${known.join(", ")}.`;
    return problemAnswer({ status: 404, code: "not_found", detail });
  }
}
