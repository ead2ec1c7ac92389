/**
 * Receiving: what agents send is checked whole, then appended, then answered with what stage 1 made of it.
 *
 * A request takes effect by one act only, the append of one record to the log. Everything before it is a decision without effects: content
 * type, room, version, log, sizes (before anything is decompressed), digests, the batches themselves. So whatever is refused was not counted,
 * not even in part, and an agent may send it again. Everything after it may fail or be lost without harm: the records are in the log, stage 1
 * counts each once, and the agent that got no answer sends them again and hears that they are duplicates.
 *
 * A record is condemned (`malformed_batch`) only when its bytes arrived exactly as they were sealed and still are no batch that can be
 * counted. Whatever a broken network, a proxy or a limit could have caused is refused with another code, and comes again.
 *
 * A hello makes one epoch the only one that counts for an agent's name: a fence is appended and takes effect if its number is the next one.
 * Of two that race one loses, looks again and decides anew. Its answer is what stage 1 had committed as of the fence.
 */
import type { Logger } from "../../shared/log.ts";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import type { Timers } from "../../shared/platform/timers.ts";
import type { HelloRequest, Outcome, ProblemCode } from "../../shared/protocol/answers.ts";
import type { Envelope } from "../../shared/protocol/batch.ts";
import { jsonAnswer, problemAnswer, type Refusal } from "../../shared/protocol/http-answer.ts";
import type { Principal } from "../../shared/protocol/principal.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import { refusalOfLog } from "../log/refusal-of-log.ts";
import { Admission, type AdmissionLimits, type Admitted } from "./admission.ts";
import { answerBatches } from "./answer-batches.ts";
import { checkEnvelope, type EnvelopeLimits } from "./check-envelope.ts";
import { answerHello, decideHello, parseHello } from "./hello.ts";
import type { AgentName, Appended, FenceVerdict, Intake, Verdict } from "./intake.ts";

/** Longest wait for stage 1's verdict; the records are durable before it, so an answer without one is true, too. */
const VERDICT_WAIT_MS_MAX = 5_000;
/** Longest wait for a fence to take effect; the agent cannot go on without. */
const FENCE_WAIT_MS_MAX = 10_000;
/** A hello that loses this often meets a crowd; the agent waits and comes again. */
const FENCE_ATTEMPT_COUNT_MAX = 5;

/** Limits on what is received. */
export interface ReceiveLimits extends EnvelopeLimits, AdmissionLimits {}

/** Told what happens; for metrics. */
export interface ReceiveObserver {
  refused(code: ProblemCode): void;
  accepted(bytes: number): void;
  recorded(outcome: Outcome): void;
}

/** What a receiver works with. */
export interface ReceiverParts {
  readonly intake: Intake;
  readonly limits: ReceiveLimits;
  /** What agents are to select now. */
  readonly selectors: () => Selectors;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly observer: ReceiveObserver;
}

/** See the head of this file. */
export class Receiver {
  readonly #parts: ReceiverParts;
  readonly #admission: Admission;
  readonly #underWay = new Set<Promise<HttpResponse>>();
  readonly #stop = new AbortController();

  constructor(parts: ReceiverParts) {
    this.#parts = parts;
    this.#admission = new Admission(parts.limits);
  }

  /** Bytes of requests under way. */
  get inFlightBytes(): number {
    return this.#admission.bytes;
  }

  /** Waits until requests under way are answered, at most `waitMs`; then they are answered with what is known by then. */
  async drain(waitMs: number): Promise<void> {
    const answered = new AbortController();
    const wait = this.#parts.timers.sleep(waitMs, answered.signal);
    const all = Promise.allSettled(this.#underWay).then(() => answered.abort());
    await Promise.race([all, wait]);
    this.#stop.abort();
    await all;
  }

  /** Answers `POST /v1/batches`. */
  async batches(request: HttpRequest, principal: Principal): Promise<HttpResponse> {
    const refusal = checkContentType(request, "application/x-protobuf");
    if (refusal !== undefined) return this.#refuse(refusal);
    return this.#admitted(this.#admission.takeBytes(request.body.length), () =>
      this.#takeBatches(request.body, principal),
    );
  }

  /** Answers `POST /v1/hello`. */
  async hello(request: HttpRequest, principal: Principal): Promise<HttpResponse> {
    const refusal = checkContentType(request, "application/json");
    if (refusal !== undefined) return this.#refuse(refusal);
    return this.#admitted(this.#admission.takeBytes(request.body.length), async () => {
      const parsed = parseHello(request.body);
      if ("refusal" in parsed) return this.#refuse(parsed.refusal);
      const name = { tenant: principal.tenant, agent: parsed.hello.agent };
      const refusal = this.#checkName(name, principal);
      if (refusal !== undefined) return this.#refuse(refusal);
      return this.#admitted(this.#admission.takePlace(placeOf(name)), () =>
        this.#takeHello(name, parsed.hello),
      );
    });
  }

  async #takeBatches(body: Buffer, principal: Principal): Promise<HttpResponse> {
    const { intake, limits } = this.#parts;
    const checked = checkEnvelope(body, intake.logId, limits);
    if ("refusal" in checked) return this.#refuse(checked.refusal);
    const { envelope } = checked;
    const name = { tenant: principal.tenant, agent: envelope.agent };
    const refusal = this.#checkName(name, principal);
    if (refusal !== undefined) return this.#refuse(refusal);
    return this.#admitted(this.#admission.takePlace(placeOf(name)), () =>
      this.#append(name, envelope, body),
    );
  }

  async #append(name: AgentName, envelope: Envelope, body: Buffer): Promise<HttpResponse> {
    const { intake, observer } = this.#parts;
    let appended: Appended<Verdict>;
    try {
      appended = await intake.appendEnvelope(name, body);
    } catch (error) {
      return this.#refuse(refusalOfLog(error));
    }
    observer.accepted(body.length);
    const verdict = await this.#within(VERDICT_WAIT_MS_MAX, (signal) => appended.word(signal));
    for (const { outcome } of verdict?.outcomes ?? []) observer.recorded(outcome);
    const { selectors } = this.#parts;
    const answered = { logId: intake.logId, selectors: selectors() };
    const result = answerBatches(envelope, verdict, answered);
    return "refusal" in result ? this.#refuse(result.refusal) : jsonAnswer(200, result.answer);
  }

  async #takeHello(name: AgentName, hello: HelloRequest): Promise<HttpResponse> {
    const { intake, logger } = this.#parts;
    for (let attempt = 0; attempt < FENCE_ATTEMPT_COUNT_MAX; attempt++) {
      const step = decideHello(hello, intake.standing(name), intake.nowMs(name));
      if ("refusal" in step) return this.#refuse(step.refusal);
      let appended: Appended<FenceVerdict>;
      try {
        appended = await intake.appendFence(name, step.fence);
      } catch (error) {
        // The fence may or may not be in the log; the agent repeats its hello with the same epoch and hears what became of it.
        return this.#refuse(refusalOfLog(error));
      }
      const word = await this.#within(FENCE_WAIT_MS_MAX, (signal) => appended.word(signal));
      if (word === undefined) break;
      const answered = { logId: intake.logId, selectors: this.#parts.selectors() };
      const result = answerHello(hello, word, answered);
      if (result === undefined) continue;
      if ("refusal" in result) return this.#refuse(result.refusal);
      const { agent, machine, epoch } = hello;
      logger.info("agent said hello", { agent, machine, epoch, known: result.answer.known });
      return jsonAnswer(200, result.answer);
    }
    logger.warn("a hello did not take effect in time", { agent: name.agent });
    return this.#refuse({
      status: 503,
      code: "overloaded",
      detail: "The fence did not take effect in time; say hello again with the same epoch.",
      retryAfterSeconds: 1,
    });
  }

  #checkName(name: AgentName, principal: Principal): Refusal | undefined {
    if (principal.agents !== undefined && !principal.agents.includes(name.agent)) {
      return {
        status: 403,
        code: "forbidden",
        detail: `The caller may speak for agent ${principal.agents.map((one) => JSON.stringify(one)).join(", ")} only.`,
      };
    }
    if (this.#parts.intake.isOwner(name)) return undefined;
    return {
      status: 503,
      code: "not_owner",
      detail:
        "The agent's partition is not owned here, or not yet; try again, or another endpoint.",
      retryAfterSeconds: 0,
    };
  }

  async #admitted(
    admitted: Admitted | { readonly refusal: Refusal },
    work: () => Promise<HttpResponse>,
  ): Promise<HttpResponse> {
    if ("refusal" in admitted) return this.#refuse(admitted.refusal);
    const answering = work();
    this.#underWay.add(answering);
    try {
      return await answering;
    } finally {
      this.#underWay.delete(answering);
      admitted.release();
    }
  }

  #refuse(refusal: Refusal): HttpResponse {
    const { logger, observer } = this.#parts;
    observer.refused(refusal.code);
    if (refusal.code === "malformed_batch") {
      logger.error("a record arrived whole but is no batch", { detail: refusal.detail });
    } else logger.debug("request refused", { code: refusal.code, detail: refusal.detail });
    return problemAnswer(refusal);
  }

  /** What `work` resolves with; its signal aborts after `waitMs` or when the receiver stops. */
  async #within<T>(waitMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController();
    const stop = () => limit.abort();
    this.#stop.signal.addEventListener("abort", stop, { once: true });
    if (this.#stop.signal.aborted) stop();
    const finished = new AbortController();
    const wait = this.#parts.timers.sleep(waitMs, finished.signal).then(stop);
    try {
      return await work(limit.signal);
    } finally {
      this.#stop.signal.removeEventListener("abort", stop);
      finished.abort("finished");
      await wait;
    }
  }
}

function placeOf(name: AgentName): string {
  return JSON.stringify([name.tenant, name.agent]);
}

function checkContentType(request: HttpRequest, wanted: string): Refusal | undefined {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (type === wanted && encoding === "identity") return undefined;
  const got = type === wanted ? `content-encoding ${encoding}` : `content-type ${type || "none"}`;
  return {
    status: 415,
    code: "unsupported_media_type",
    detail: `Expected ${wanted} without content-encoding, got ${got.slice(0, 100)}.`,
  };
}
