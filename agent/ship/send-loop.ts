/** Carries out what {@link Shipper} decides: reads records, sends requests, waits, and calls the agent for what concerns the spool. */
import { present } from "../../shared/assert.ts";
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { HttpCall, HttpResponse } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { HelloAnswer, HelloRequest } from "../../shared/protocol/answers.ts";
import { ENVELOPE_VERSION, type SealedRecord } from "../../shared/protocol/batch.ts";
import { encodeEnvelope } from "../../shared/protocol/envelope.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import { Wake } from "../../shared/wake.ts";
import type { Credentials } from "./credentials.ts";
import {
  type Accepted,
  noAnswer,
  type Refused,
  readBatchesAnswer,
  readHelloAnswer,
  type Welcome,
} from "./read-answer.ts";
import type { ShipEffect, ShipPosition, Shipper, ShipStep } from "./ship.ts";

/** What the loop needs of the agent. Everything may fail with DISK_FAILED, and is then asked for again. */
export interface ShipHost {
  /** Epoch and log of the records that are being sent. */
  position(): { readonly epoch: string; readonly logId: string };
  /** Consecutive records from `sequence` on, at least one. Fails with SPOOL_CORRUPT; {@link damaged} follows. */
  read(sequence: number, bytesMax: number): Promise<SealedRecord[]>;
  /** The epoch for a hello, drawn and synced; the same again until {@link recover} has used it, unless a fresh one is asked for. */
  drawEpoch(isFresh: boolean): Promise<string>;
  /** Begins the epoch with what the aggregator answered; resolves when all is synced. After a failure a hello follows. */
  recover(epoch: string, answer: HelloAnswer): Promise<ShipPosition>;
  /** Deletes what is applied. */
  release(applied: number): Promise<void>;
  /** Keeps the record as a dead letter and puts a tombstone in its place. */
  condemn(sequence: number, detail: string): Promise<void>;
  /** Revision of the newest selectors that are kept. */
  readonly selectorRevision: string;
  /** Keeps selectors and lets them choose from the next seal on. */
  takeSelectors(selectors: Selectors): Promise<void>;
  /** The spool was found damaged: nothing may be read from files until {@link recover}. */
  damaged(error: TailraceError): void;
}

/** How the loop works. */
export interface SendLoopOptions {
  readonly platform: Pick<Platform, "clock" | "network" | "timers">;
  readonly agent: string;
  /** Identity of this machine. */
  readonly machine: string;
  readonly takeover: boolean;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
  readonly credentials: Pick<Credentials, "show">;
  readonly shipper: Shipper;
  readonly host: ShipHost;
  readonly logger: Logger;
  /** Ends the loop, and the request that is under way. */
  readonly signal: AbortSignal;
}

const DISK_RETRY_MS = 1000;

type HelloStep = Extract<ShipStep, { readonly kind: "hello" }>;

/** See the head of this file. */
export class SendLoop {
  readonly #options: SendLoopOptions;
  readonly #wake: Wake;
  #releaseUpTo = 0;
  #released = 0;
  #releaseAtMs = Number.NEGATIVE_INFINITY;
  /** The last complaint, so that the same one is not printed again and again. */
  #complaint = "";
  #selectorFault = "";

  constructor(options: SendLoopOptions) {
    this.#options = options;
    this.#wake = new Wake(options.platform.timers);
  }

  /** Says that there may be something to do. */
  wake(): void {
    this.#wake.wake();
  }

  /** Runs until the signal aborts. Rejects only for a fault of this program. */
  async run(): Promise<void> {
    const { signal, host, shipper, logger } = this.#options;
    const wake = () => this.#wake.wake();
    signal.addEventListener("abort", wake);
    try {
      while (!signal.aborted) {
        try {
          await this.#turn();
        } catch (error) {
          if (!(error instanceof TailraceError)) throw error;
          if (error.code === "SPOOL_CORRUPT") host.damaged(error);
          logger.warn(error.message, { code: error.code });
          if (shipper.mode === "recovering") shipper.sayHelloAgain();
          await this.#wake.wait(DISK_RETRY_MS);
        }
      }
    } finally {
      signal.removeEventListener("abort", wake);
    }
  }

  async #turn(): Promise<void> {
    const { shipper, platform } = this.#options;
    await this.#release();
    const nowMs = platform.clock.monotonic();
    const step = shipper.next(nowMs);
    const releaseAtMs =
      this.#released < this.#releaseUpTo ? this.#releaseAtMs : Number.POSITIVE_INFINITY;
    if (step.kind === "wait") await this.#wake.wait(Math.min(step.untilMs, releaseAtMs) - nowMs);
    else if (step.kind === "hello") await this.#hello(step);
    else if (step.kind === "replace") await this.#replace(step.sequence, step.detail);
    else await this.#send(step.endpoint, step.from, step.bytesMax);
  }

  /** Deletes what is applied. A disk that does not let it stops nothing else. */
  async #release(): Promise<void> {
    const { host, platform, logger } = this.#options;
    const upTo = this.#releaseUpTo;
    if (this.#released >= upTo || platform.clock.monotonic() < this.#releaseAtMs) return;
    try {
      await host.release(upTo);
      this.#released = upTo;
    } catch (error) {
      if (!(error instanceof TailraceError)) throw error;
      logger.warn(error.message, { code: error.code });
      this.#releaseAtMs = platform.clock.monotonic() + DISK_RETRY_MS;
      if (error.code === "SPOOL_CORRUPT") throw error;
    }
  }

  async #replace(sequence: number, detail: string): Promise<void> {
    await this.#options.host.condemn(sequence, detail);
    this.#options.shipper.replaced();
  }

  async #hello({ endpoint, isFresh, isPatient }: HelloStep): Promise<void> {
    const { agent, machine, host, shipper, platform } = this.#options;
    const takeover = this.#options.takeover && !isPatient;
    const epoch = await host.drawEpoch(isFresh);
    if (isFresh) shipper.drewEpoch();
    const { selectorRevision } = host;
    const version = ENVELOPE_VERSION;
    const hello: HelloRequest = {
      ...{ agent, machine, epoch, takeover, version, selectorRevision },
      // An aggregator that does not know it refuses it, so it is left out where it says nothing.
      ...(isPatient ? { isPatient } : {}),
    };
    const response = await this.#call(endpoint, "/v1/hello", {
      headers: { "content-type": "application/json" },
      body: Buffer.from(JSON.stringify(hello)),
    });
    if (response === undefined) return;
    const result = "kind" in response ? response : readHelloAnswer(response);
    const nowMs = platform.clock.monotonic();
    this.#report(shipper.helloAnswered(endpoint, result, nowMs));
    if (shipper.mode !== "recovering" || result.kind !== "welcome") return;
    this.#releaseUpTo = 0;
    this.#released = 0;
    await this.#takeSelectors(endpoint, result);
    shipper.begin(await host.recover(epoch, result.answer));
  }

  async #send(endpoint: string, from: number, bytesMax: number): Promise<void> {
    const { agent, machine, host, shipper, platform } = this.#options;
    const { epoch, logId } = host.position();
    const records = await host.read(from, bytesMax);
    present(records[0], "a record to send");
    const body = encodeEnvelope({
      version: ENVELOPE_VERSION,
      agent,
      epoch,
      logId,
      machine,
      records,
      selectorRevision: host.selectorRevision,
    });
    const headers = { "content-type": "application/x-protobuf" };
    const response = await this.#call(endpoint, "/v1/batches", { headers, body });
    if (response === undefined) return;
    const sent = records.map(({ sequence, digest }) => ({ sequence, digest }));
    const result = "kind" in response ? response : readBatchesAnswer(response);
    const nowMs = platform.clock.monotonic();
    this.#report(shipper.batchesAnswered(endpoint, sent, result, nowMs));
    this.#releaseUpTo = shipper.applied;
    if (result.kind !== "accepted") return;
    this.#complaint = "";
    await this.#takeSelectors(endpoint, result);
  }

  /** What cannot be used is said once, and asked for again with every request: the revision stays the old one. */
  async #takeSelectors(
    endpoint: string,
    { answer: { selectors }, selectorFault = "" }: Accepted | Welcome,
  ): Promise<void> {
    const { host, logger } = this.#options;
    const isNews = selectorFault !== "" && selectorFault !== this.#selectorFault;
    this.#selectorFault = selectorFault;
    if (isNews) {
      const message =
        "the aggregator's selectors of events cannot be used; what was selected before still is: bring " +
        "agent and aggregator to the same version";
      logger.error(message, { endpoint, detail: selectorFault });
    }
    if (selectors === undefined || selectors.revision === host.selectorRevision) return;
    await host.takeSelectors(selectors);
  }

  async #call(
    endpoint: string,
    path: string,
    request: Pick<HttpCall, "headers" | "body">,
  ): Promise<HttpResponse | Refused | undefined> {
    const { platform, credentials, timeoutMs, signal } = this.#options;
    const url = `${endpoint.replace(/\/+$/, "")}${path}`;
    try {
      const call = { ...request, url, method: "POST", timeoutMs, signal };
      return await platform.network.call(await credentials.show(call));
    } catch (error) {
      if (signal.aborted) return undefined;
      if (!(error instanceof TailraceError)) throw error;
      return noAnswer(error.message);
    }
  }

  #report(effects: readonly ShipEffect[]): void {
    const { logger } = this.#options;
    for (const effect of effects) {
      const { endpoint, detail } = effect;
      const complaint = `${effect.message}\n${endpoint}\n${detail}`;
      if (complaint === this.#complaint) logger.debug(effect.message, { endpoint, detail });
      else logger[effect.severity](effect.message, { endpoint, detail });
      this.#complaint = complaint;
    }
  }
}
