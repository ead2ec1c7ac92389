/**
 * How records get to an aggregator, as a state machine without I/O, clock or randomness of its own. The send loop asks {@link Shipper.next} what
 * to do, does it, and hands the answer back.
 *
 * One request is under way at a time; the next begins after the last was answered. Whatever is not understood is tried again later, with the same
 * records. Only five answers lead elsewhere: `fenced` (stop, and ask now and then), `diverged` (say hello, then recover), `wrong_log` (leave that
 * endpoint), `malformed_batch` naming a record of the request (a tombstone takes its place), `body_too_large` (send fewer at a time).
 */
import { assert } from "../../shared/assert.ts";
import type { BatchesAnswer } from "../../shared/protocol/answers.ts";
import { Backoff } from "./backoff.ts";
import type { Accepted, Refused, Welcome } from "./read-answer.ts";

/** What to do next. */
export type ShipStep =
  /**
   * `isFresh`: with an epoch that was never used, even if one is remembered; then call {@link Shipper.drewEpoch}. `isPatient`: only if the spool
   * that has the name is silent.
   */
  | {
      readonly kind: "hello";
      readonly endpoint: string;
      readonly isFresh: boolean;
      readonly isPatient: boolean;
    }
  | {
      readonly kind: "send";
      readonly endpoint: string;
      readonly from: number;
      readonly bytesMax: number;
    }
  /** Keep the record as a dead letter, put a tombstone in its place, then call {@link Shipper.replaced}. */
  | { readonly kind: "replace"; readonly sequence: number; readonly detail: string }
  /** Nothing to do before `untilMs` (Infinity: before something changes). */
  | { readonly kind: "wait"; readonly untilMs: number };

/** Something that people should know of an answer. */
export interface ShipEffect {
  readonly severity: "error" | "warn" | "info";
  readonly message: string;
  readonly detail: string;
  readonly endpoint: string;
}

/**
 * `hello`: has to ask. `recovering`: asked, the new epoch is being begun. `replacing`: a tombstone is being made. `fenced`: another spool has
 * the name; asks now and then whether that is still there.
 */
export type ShipMode = "hello" | "recovering" | "sending" | "replacing" | "fenced";

/** Records of a request that is under way. */
export interface SentRecord {
  readonly sequence: number;
  readonly digest: string;
}

/** How the machine works. */
export interface ShipperOptions {
  readonly endpoints: readonly string[];
  readonly requestBytesMax: number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Where an epoch stands. */
export interface ShipPosition {
  readonly epoch: string;
  /** The log that the epoch is bound to. */
  readonly logId: string;
  /** Sequence of the oldest record in the spool. */
  readonly firstSequence: number;
  readonly lastSequence: number;
}

/** A wrong endpoint is looked at again after so long if there is no other left. */
const WRONG_LOG_WAIT_MS = 30_000;
/** A fenced spool asks for its name so often. */
const PATIENT_MS = 60_000;

/** See the head of this file. */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #backoff = new Backoff();
  readonly #wrongEndpoints = new Set<string>();
  #mode: ShipMode = "hello";
  #endpointIndex = 0;
  #notBeforeMs = Number.NEGATIVE_INFINITY;
  #requestBytes: number;
  /** Undefined until an epoch is bound to a log. */
  #logId: string | undefined;
  #accepted = 0;
  #applied = 0;
  #last = 0;
  #condemned = new Set<number>();
  /** True when an answer of this run said that the name is this spool's. That records are in the log says nothing: it takes any. */
  #hasOwned = false;
  #hasAppealed = false;
  /** Epochs that this run began. */
  readonly #ownEpochs = new Set<string>();
  #epoch = "";
  #needsFreshEpoch = false;
  #replacing = { sequence: 0, detail: "" };

  constructor(options: ShipperOptions) {
    assert(options.endpoints.length > 0, "there is an endpoint to send to");
    this.#options = options;
    this.#requestBytes = options.requestBytesMax;
  }

  get mode(): ShipMode {
    return this.#mode;
  }

  /** Sequence of the newest record that an aggregator holds durably. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Sequence of the newest record that is committed; what is up to it may be deleted. */
  get applied(): number {
    return this.#applied;
  }

  /** True while a record is not known to be held by an aggregator. */
  get hasUnacknowledged(): boolean {
    return this.#accepted < this.#last;
  }

  /** Says that an epoch can be sent: after opening a whole spool, or after a recovery. */
  begin(position: ShipPosition): void {
    if (this.#mode === "fenced") return;
    this.#mode = "sending";
    this.#epoch = position.epoch;
    this.#ownEpochs.add(position.epoch);
    this.#logId = position.logId;
    this.#accepted = position.firstSequence - 1;
    this.#applied = this.#accepted;
    this.#last = position.lastSequence;
    this.#condemned = new Set();
    this.#requestBytes = this.#options.requestBytesMax;
  }

  /** Says that the spool cannot go on by itself: ask the aggregator what it holds. `logId`: the only log to bind to, undefined for any. */
  sayHello(logId: string | undefined): void {
    if (this.#mode === "fenced") return;
    this.#mode = "hello";
    this.#logId = logId;
    this.#wrongEndpoints.clear();
  }

  /** Says that the recovery after a hello failed: ask again. */
  sayHelloAgain(): void {
    this.sayHello(this.#logId);
  }

  /** Says that a fresh epoch was drawn and synced. */
  drewEpoch(): void {
    this.#needsFreshEpoch = false;
  }

  /** Says that records up to `sequence` are synced. */
  sealed(sequence: number): void {
    this.#last = Math.max(this.#last, sequence);
  }

  /** Says that the tombstone of the condemned record stands in the spool. */
  replaced(): void {
    if (this.#mode !== "replacing") return;
    this.#condemned.add(this.#replacing.sequence);
    this.#mode = "sending";
  }

  /** What to do at `nowMs` (monotonic). Asking changes nothing but which endpoints are left out. */
  next(nowMs: number): ShipStep {
    if (this.#mode === "replacing") return { kind: "replace", ...this.#replacing };
    const isPatient = this.#mode === "fenced";
    const isAsking = this.#mode === "hello" || isPatient;
    const isSending = this.#mode === "sending" && this.#accepted < this.#last;
    if (!isAsking && !isSending) return { kind: "wait", untilMs: Number.POSITIVE_INFINITY };
    if (nowMs < this.#notBeforeMs) return { kind: "wait", untilMs: this.#notBeforeMs };
    const endpoint = this.#endpoint();
    if (isAsking) return { kind: "hello", endpoint, isFresh: this.#needsFreshEpoch, isPatient };
    return { kind: "send", endpoint, from: this.#accepted + 1, bytesMax: this.#requestBytes };
  }

  /** Takes the answer to a hello that `endpoint` gave. When the mode is `recovering` then, begin the epoch and call {@link begin}. */
  helloAnswered(endpoint: string, result: Welcome | Refused, nowMs: number): ShipEffect[] {
    if (this.#mode === "fenced" && result.kind === "refused") {
      return this.#waitForName(result, nowMs);
    }
    if (this.#mode !== "hello" && this.#mode !== "fenced") return [];
    if (result.kind === "refused") return this.#refused(endpoint, result, nowMs);
    const { answer } = result;
    if (this.#logId !== undefined && answer.logId !== this.#logId) {
      return this.#leave(endpoint, `it leads to the log ${answer.logId}`, nowMs);
    }
    this.#succeed();
    this.#hasOwned = true;
    const wasFenced = this.#mode === "fenced";
    this.#mode = "recovering";
    if (!wasFenced) return [];
    const message = "the spool that took over this agent's name is silent: this one goes on";
    return [{ severity: "warn", message, detail: "", endpoint }];
  }

  /** Whatever a patient hello met, it comes again. */
  #waitForName({ code }: Refused, nowMs: number): ShipEffect[] {
    if (code === "fenced") this.#needsFreshEpoch = true;
    this.#notBeforeMs = nowMs + PATIENT_MS;
    this.#endpointIndex++;
    return [];
  }

  /** Takes the answer to `sent`, consecutive records, that `endpoint` gave. */
  batchesAnswered(
    endpoint: string,
    sent: readonly SentRecord[],
    result: Accepted | Refused,
    nowMs: number,
  ): ShipEffect[] {
    if (this.#mode !== "sending") return [];
    if (result.kind === "refused") {
      const special = this.#condemns(endpoint, sent, result);
      return special ?? this.#refused(endpoint, result, nowMs);
    }
    return this.#acceptedBy(endpoint, sent, result.answer, nowMs);
  }

  #acceptedBy(
    endpoint: string,
    sent: readonly SentRecord[],
    answer: BatchesAnswer,
    nowMs: number,
  ): ShipEffect[] {
    if (answer.logId !== this.#logId) {
      return this.#leave(endpoint, `it leads to the log ${answer.logId}`, nowMs);
    }
    if (answer.outcomes.some(({ outcome }) => outcome === "fenced")) {
      return this.#fence(endpoint, nowMs);
    }
    const isOther = sent.some(
      (record) => record.sequence === answer.applied && record.digest !== answer.appliedDigest,
    );
    const isDiverged =
      isOther ||
      answer.applied > this.#last ||
      answer.outcomes.some(({ outcome }) => outcome === "diverged");
    if (isDiverged) return this.#diverge(endpoint, "the aggregator holds other records");
    const newest = sent.at(-1)?.sequence ?? 0;
    if (answer.accepted < newest) {
      const detail = `only records up to ${answer.accepted} of ${newest} were accepted`;
      return this.#retry(endpoint, { detail }, nowMs);
    }
    this.#succeed();
    this.#notBeforeMs = nowMs + answer.throttleMs;
    this.#accepted = Math.max(this.#accepted, newest);
    if (answer.applied <= this.#applied) return [];
    this.#applied = answer.applied;
    this.#hasOwned = true;
    return [];
  }

  #condemns(
    endpoint: string,
    sent: readonly SentRecord[],
    refusal: Refused,
  ): ShipEffect[] | undefined {
    const { sequence, detail } = refusal;
    if (refusal.code === "body_too_large" && sent.length > 1) {
      this.#requestBytes = Math.floor(this.#requestBytes / 2);
      const message = "the aggregator takes only smaller requests: fewer records go at a time";
      return [{ severity: "warn", message, detail, endpoint }];
    }
    if (refusal.code !== "malformed_batch" || sequence === undefined) return undefined;
    // A tombstone that is condemned as well would be replaced for ever.
    const isOurs = sent.some((record) => record.sequence === sequence);
    if (!isOurs || this.#condemned.has(sequence)) return undefined;
    this.#mode = "replacing";
    this.#replacing = { sequence, detail };
    const message = "the aggregator cannot read a record: it is kept as a dead letter";
    return [{ severity: "error", message, detail, endpoint }];
  }

  #refused(endpoint: string, refusal: Refused, nowMs: number): ShipEffect[] {
    const { code, detail, retryAfterMs } = refusal;
    if (code === "fenced") return this.#fence(endpoint, nowMs, refusal.holder);
    if (code === "diverged" && this.#mode === "sending") return this.#diverge(endpoint, detail);
    if (code === "wrong_log") return this.#leave(endpoint, detail, nowMs);
    return this.#retry(endpoint, { detail, retryAfterMs, message: messages[code ?? ""] }, nowMs);
  }

  #retry(endpoint: string, failure: RetriedFailure, nowMs: number): ShipEffect[] {
    const { detail, retryAfterMs = 0, message = "a request failed; it is tried again" } = failure;
    const waitMs = Math.max(retryAfterMs, this.#backoff.fail(this.#options.random()));
    this.#notBeforeMs = nowMs + waitMs;
    this.#endpointIndex++;
    return [{ severity: "warn", message, detail, endpoint }];
  }

  #leave(endpoint: string, detail: string, nowMs: number): ShipEffect[] {
    this.#wrongEndpoints.add(endpoint);
    this.#endpointIndex++;
    if (this.#wrongEndpoints.size >= new Set(this.#options.endpoints).size) {
      this.#wrongEndpoints.clear();
      this.#notBeforeMs = nowMs + WRONG_LOG_WAIT_MS;
    }
    const message =
      "an endpoint leads to another log than this spool is bound to and is left out: correct " +
      "`ship.endpoints`, or bind the spool to the new log with `agent --adopt-log`";
    return [{ severity: "error", message, detail, endpoint }];
  }

  /**
   * A spool that is fenced at the first word of its run was rolled back to before an epoch that it had itself begun, or it is a clone. It says
   * hello once: whoever was started last has the name. A spool that had the name in this run and lost it stays silent, so two never take turns;
   * unless it lost it to an epoch of its own. Then a late copy of an old hello reached an aggregator which, restored from a backup, did not
   * know that epoch any more.
   *
   * An epoch of its own may also be one that it forgot: rolled back, it went on in the one before, with an aggregator that was restored to
   * then; which was restored once more, to when the forgotten one had the name. Nothing tells that from a clone but time: a spool that is
   * there is heard of every ten seconds, and one that is silent for ten minutes has lost the name.
   */
  #fence(endpoint: string, nowMs: number, holder?: string): ShipEffect[] {
    const isOwn = holder !== undefined && holder !== this.#epoch && this.#ownEpochs.has(holder);
    this.#needsFreshEpoch = true;
    if (isOwn || (!this.#hasOwned && !this.#hasAppealed)) {
      this.#hasAppealed = true;
      this.sayHello(this.#logId);
      const message = "this spool's epoch is over: the agent asks what the aggregator holds";
      return [{ severity: "warn", message, detail: "", endpoint }];
    }
    this.#mode = "fenced";
    this.#notBeforeMs = nowMs + PATIENT_MS;
    const message =
      "another spool took over this agent's name: nothing is sent or read until that was silent for ten minutes, " +
      "everything is kept; give one of the two agents another id, or restart this one to take the name back";
    return [{ severity: "error", message, detail: "", endpoint }];
  }

  #diverge(endpoint: string, detail: string): ShipEffect[] {
    this.sayHello(this.#logId);
    const message = "agent and aggregator disagree: the agent asks what the aggregator holds";
    return [{ severity: "warn", message, detail, endpoint }];
  }

  #succeed(): void {
    this.#backoff.succeed();
    this.#notBeforeMs = Number.NEGATIVE_INFINITY;
  }

  #endpoint(): string {
    const { endpoints } = this.#options;
    for (let step = 0; step < endpoints.length; step++) {
      const index = (this.#endpointIndex + step) % endpoints.length;
      const endpoint = endpoints[index];
      if (endpoint === undefined || this.#wrongEndpoints.has(endpoint)) continue;
      this.#endpointIndex = index;
      return endpoint;
    }
    throw new Error("every endpoint is left out");
  }
}

/** A failure that leads to another try. */
interface RetriedFailure {
  readonly detail: string;
  /** Wait at least so long. */
  readonly retryAfterMs?: number;
  /** For people. */
  readonly message?: string | undefined;
}

const messages: Readonly<Record<string, string>> = {
  id_in_use:
    "another machine used this agent's id a moment ago: give this agent an id of its own, or take the name over " +
    "with `agent --takeover`; it is tried again",
  body_too_large: "one record alone is too large for the aggregator; it is tried again",
  forbidden: "the aggregator does not let this agent in; it is tried again",
  too_many_requests: "requests from this address are limited there; it is tried again",
  unauthenticated:
    "the aggregator does not know this agent: set `ship.token` or `ship.tls`, or get a token with `tailrace enroll`; it is " +
    "tried again",
  unknown_version:
    "the aggregator does not know this agent's version of the protocol: upgrade it first",
};
