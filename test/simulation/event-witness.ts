/**
 * Stands in the door of the aggregators: it hands the same selectors to every agent, and remembers the batches that came and where each
 * epoch began. From these alone, by digest and previous digest, it tells which batches became the history that an aggregator holds in the
 * end, whatever was sent twice, fenced off or forgotten on the way.
 */
import type { HttpRequest, HttpResponse, Network } from "../../shared/platform/network.ts";
import type { AgentMark, HelloRequest } from "../../shared/protocol/answers.ts";
import { type Batch, DIGEST_NONE } from "../../shared/protocol/batch.ts";
import { decodeBatch } from "../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../shared/protocol/envelope.ts";
import { openRecord } from "../../shared/protocol/sealed-record.ts";
import type { Hole, SelectedEvent, Selectors } from "../../shared/protocol/selected-event.ts";
import { MalformedError } from "../../shared/protocol/wire.ts";

/** What all agents of a fleet select. */
export const SELECTORS: Selectors = {
  revision: "5e1ec7",
  selectors: [
    {
      stream: "application-logs",
      keys: ["line"],
      where: ["level == 'ERROR'", "level in ['FATAL', 'PANIC']"],
      fields: ["file", "line", "level"],
    },
  ],
};

/** True for the levels of {@link SELECTORS}. */
export function isSelected(level: string): boolean {
  return level === "ERROR" || level === "FATAL";
}

/** What a history holds of events. */
export interface WitnessedEvents {
  readonly events: readonly SelectedEvent[];
  readonly holes: readonly Hole[];
}

type Witnessed = Pick<Batch, "previousDigest" | "events" | "holes" | "selectorRevision">;

/** See the head of this file. */
export class EventWitness {
  /** By agent, epoch and digest. */
  private readonly batches = new Map<string, Witnessed>();
  /** By agent and epoch: what was applied when the epoch began. */
  private readonly beginnings = new Map<string, AgentMark | undefined>();

  /** The network of an aggregator's process, with the witness in its door. */
  watch(network: Network): Network {
    return {
      call: (call) => network.call(call),
      listen: (options, handle) =>
        network.listen(options, async (request) => {
          if (request.path === "/v1/batches") this.seeBatches(request.body);
          return this.seeAnswer(request, await handle(request));
        }),
    };
  }

  /** What the history up to `mark` holds; a text says that a part of it never came by. */
  historyOf(agent: string, mark: AgentMark): WitnessedEvents | string {
    const events: SelectedEvent[] = [];
    const holes: Hole[] = [];
    let at: AgentMark | undefined = mark;
    while (at !== undefined) {
      const { epoch } = at;
      let { digest } = at;
      while (digest !== DIGEST_NONE) {
        const batch = this.batches.get(`${agent} ${epoch} ${digest}`);
        if (batch === undefined) return `batch ${digest} of epoch ${epoch} was never sent`;
        if (batch.events.length > 0 && batch.selectorRevision !== SELECTORS.revision) {
          return `batch ${digest} names other selectors than those of its events`;
        }
        events.push(...batch.events);
        holes.push(...batch.holes);
        digest = batch.previousDigest;
      }
      if (!this.beginnings.has(`${agent} ${epoch}`)) return `epoch ${epoch} was never begun`;
      at = this.beginnings.get(`${agent} ${epoch}`);
    }
    return { events, holes };
  }

  private seeBatches(body: Buffer): void {
    try {
      const { agent, epoch, records } = decodeEnvelope(body);
      for (const record of records) {
        const key = `${agent} ${epoch} ${record.digest}`;
        if (this.batches.has(key)) continue;
        const batch = decodeBatch(openRecord(record, 1e8));
        this.batches.set(key, batch);
      }
    } catch (error) {
      // What the network cut is refused, and sent again.
      if (!(error instanceof MalformedError)) throw error;
    }
  }

  private seeAnswer(request: HttpRequest, response: HttpResponse): HttpResponse {
    const isHello = request.path === "/v1/hello";
    if (response.status !== 200 || !(isHello || request.path === "/v1/batches")) return response;
    const answer: Record<string, unknown> & { readonly mark?: AgentMark } = JSON.parse(
      response.body.toString(),
    );
    let revision: string | undefined;
    if (isHello) {
      const hello: HelloRequest = JSON.parse(request.body.toString());
      revision = hello.selectorRevision;
      this.beginnings.set(`${hello.agent} ${hello.epoch}`, answer.mark);
    } else revision = decodeEnvelope(request.body).selectorRevision;
    const isNews = revision !== SELECTORS.revision;
    const selected = { ...answer, selectors: isNews ? SELECTORS : undefined };
    return { ...response, body: Buffer.from(JSON.stringify(selected)) };
  }
}
