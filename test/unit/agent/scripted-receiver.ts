/** An aggregator in a few lines: it applies records in order, remembers and forgets as told, and can answer anything instead. */

import { TailraceError } from "../../../shared/errors.ts";
import type { HttpCall, HttpResponse, Network } from "../../../shared/platform/network.ts";
import type { HelloAnswer, HelloRequest } from "../../../shared/protocol/answers.ts";
import {
  type Batch,
  type Checkpoint,
  DIGEST_NONE,
  type LedgerEntry,
} from "../../../shared/protocol/batch.ts";
import { decodeBatch } from "../../../shared/protocol/codec.ts";
import { decodeEnvelope } from "../../../shared/protocol/envelope.ts";
import { jsonAnswer, problemAnswer } from "../../../shared/protocol/http-answer.ts";
import { openRecord } from "../../../shared/protocol/sealed-record.ts";
import type { Selectors } from "../../../shared/protocol/selected-event.ts";

/** What the receiver holds: replace it to restore a backup. */
export interface ReceiverState {
  readonly epoch: string;
  readonly retired: readonly string[];
  readonly before: HelloAnswer["mark"];
  readonly known: boolean;
  readonly sequence: number;
  readonly digest: string;
  readonly digests: ReadonlyMap<number, string>;
  readonly checkpoints: ReadonlyMap<number, Checkpoint>;
  readonly ledger: readonly LedgerEntry[];
  /** Events by service. */
  readonly counts: ReadonlyMap<string, number>;
}

const NOTHING: ReceiverState = {
  epoch: "",
  retired: [],
  before: undefined,
  known: false,
  sequence: 0,
  digest: DIGEST_NONE,
  digests: new Map(),
  checkpoints: new Map(),
  ledger: [],
  counts: new Map(),
};

/** See the head of this file. */
export class ScriptedReceiver implements Network {
  state = NOTHING;
  logId = "log-1";
  readonly hellos: HelloRequest[] = [];
  /** True while the spool that has the name was heard of a moment ago. */
  isHolderAlive = false;
  readonly batches: Batch[] = [];
  /** What it asks for; undefined: it knows nothing of events. */
  selectors: Selectors | undefined;
  /** Revisions that requests named. */
  readonly revisions: string[] = [];
  /** Looked at before anything else: an answer, a failure, or undefined to go on. */
  script: (call: HttpCall) => HttpResponse | "cut" | undefined = () => undefined;
  /** Looked at after the request took effect: true loses the answer. */
  losesAnswer: () => boolean = () => false;

  /** Events of all services. */
  get eventCount(): number {
    return [...this.state.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  ledgerLines(kind: string, reason = ""): number {
    const found = this.state.ledger.find((entry) => entry.kind === kind && entry.reason === reason);
    return found?.lines ?? 0;
  }

  async call(call: HttpCall): Promise<HttpResponse> {
    const scripted = this.script(call);
    if (scripted === "cut") throw new TailraceError("NETWORK_FAILED", "scripted");
    if (scripted !== undefined) return scripted;
    const body = call.body ?? Buffer.alloc(0);
    const answer = call.url.endsWith("/v1/hello") ? this.#hello(body) : this.#take(body);
    if (this.losesAnswer()) throw new TailraceError("NETWORK_FAILED", "the answer is lost");
    return answer;
  }

  listen(): Promise<never> {
    throw new Error("nobody listens here");
  }

  #hello(body: Buffer): HttpResponse {
    const hello: HelloRequest = JSON.parse(body.toString());
    this.hellos.push(hello);
    const { state } = this;
    if (state.retired.includes(hello.epoch)) return fenced();
    if (state.epoch !== hello.epoch && hello.isPatient === true && this.isHolderAlive) {
      return problemAnswer({ status: 409, code: "id_in_use", detail: "a moment ago" });
    }
    if (state.epoch !== hello.epoch) {
      const { epoch, sequence, digest } = state;
      const isFirst = epoch === "";
      this.state = {
        ...state,
        epoch: hello.epoch,
        retired: isFirst ? [] : [...state.retired, epoch],
        before: isFirst ? undefined : { epoch, sequence, digest },
        known: !isFirst,
        sequence: 0,
        digest: DIGEST_NONE,
        digests: new Map(),
      };
    }
    const { known, before, checkpoints, ledger } = this.state;
    const answer = {
      ...this.#selectorsFor(hello.selectorRevision ?? ""),
      logId: this.logId,
      known,
      mark: before,
      checkpoints: [...checkpoints.values()],
      ledger,
    };
    return jsonAnswer(200, answer satisfies HelloAnswer);
  }

  #take(body: Buffer): HttpResponse {
    const envelope = decodeEnvelope(body);
    if (envelope.logId !== this.logId)
      return problemAnswer({ status: 409, code: "wrong_log", detail: this.logId });
    if (this.state.retired.includes(envelope.epoch)) return fenced();
    for (const record of envelope.records) {
      const batch = decodeBatch(openRecord(record, 1e8));
      const { state } = this;
      const isKnown = state.digests.get(record.sequence) === record.digest;
      const isNext =
        record.sequence === state.sequence + 1 && batch.previousDigest === state.digest;
      if (envelope.epoch !== state.epoch || !(isKnown || isNext)) {
        return problemAnswer({
          status: 409,
          code: "diverged",
          detail: `not after ${state.sequence}`,
        });
      }
      if (!isKnown) this.#apply(batch, record.digest);
    }
    const { sequence, digest } = this.state;
    return jsonAnswer(200, {
      ...this.#selectorsFor(envelope.selectorRevision),
      accepted: sequence,
      applied: sequence,
      appliedDigest: digest,
      outcomes: [],
      throttleMs: 0,
      logId: this.logId,
    });
  }

  #selectorsFor(revision: string): { readonly selectors?: Selectors } {
    this.revisions.push(revision);
    const { selectors } = this;
    return selectors === undefined || selectors.revision === revision ? {} : { selectors };
  }

  #apply(batch: Batch, digest: string): void {
    const { state } = this;
    const counts = new Map(state.counts);
    for (const delta of batch.deltas) {
      counts.set(delta.service, (counts.get(delta.service) ?? 0) + delta.aggregate.requestCount);
    }
    const checkpoints = new Map(state.checkpoints);
    for (const found of batch.checkpoints) checkpoints.set(found.file, found);
    const digests = new Map(state.digests).set(batch.sequence, digest);
    const { sequence, ledger } = batch;
    this.state = { ...state, sequence, digest, digests, checkpoints, ledger, counts };
    this.batches.push(batch);
  }
}

function fenced(): HttpResponse {
  return problemAnswer({ status: 410, code: "fenced", detail: "over" });
}
