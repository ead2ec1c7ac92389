/**
 * The door of the aggregator: who asks, may they, and what did they change.
 *
 * A default installation listens for this machine alone and asks nobody for credentials. Otherwise a caller shows a token or, as an agent, a
 * certificate. Tokens are made by `tailrace token` in a file that is read again when it changes, so that any number of them is valid at once
 * and none needs a restart. An agent may also be given one for a code, once. What is refused is counted and told; what is changed is kept.
 */
import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/log.ts";
import type { HttpRequest, HttpResponse } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import { jsonAnswer, problemAnswer, type Refusal } from "../../shared/protocol/http-answer.ts";
import { NOBODY, type Principal } from "../../shared/protocol/principal.ts";
import { AddressBudget } from "./address-budget.ts";
import { AuditLog } from "./audit-log.ts";
import { KnownTokens, type Unknown } from "./known-tokens.ts";
import { localCaller } from "./local-caller.ts";
import { RefusalLog } from "./refusal-log.ts";
import { makeSecret } from "./token.ts";
import {
  type EnrolledTokens,
  type GivenTokens,
  givenSignature,
  readEnrolled,
  readGiven,
  writeEnrolled,
} from "./token-files.ts";

/** `local`: only this machine gets here. `credentials`: everybody shows some. `insecure`: whoever gets here may send and read. */
export type AccessMode = "local" | "credentials" | "insecure";

/** What the door needs. */
export interface AccessParts {
  readonly mode: AccessMode;
  readonly platform: Pick<Platform, "clock" | "disk" | "random" | "timers">;
  readonly logger: Logger;
  /** The aggregator's data directory. */
  readonly directory: string;
  /** Most requests of one address in a second. */
  readonly addressRequestsPerSecond: number;
  /** Is told of each refusal. */
  readonly observe: (reason: string) => void;
}

/** Who asks, and with NOBODY why. */
export interface Identified {
  readonly principal: Principal;
  readonly refusal?: Refusal;
}

const LOOK_MS = 1_000;
const DETAIL_LENGTH_MAX = 1_000;

const enrollSchema = z.strictObject({
  code: z.string().max(200),
  agent: z.string().min(1).max(255),
});

/** See the head of this file. */
export class AccessDoor {
  readonly #parts: AccessParts;
  readonly #budget: AddressBudget;
  readonly #refusals: RefusalLog;
  readonly #audit: AuditLog;
  readonly #stop = new AbortController();
  #given: GivenTokens = { version: 1, tokens: [], codes: [], revoked: [] };
  #enrolled: EnrolledTokens = { version: 1, tokens: [], usedCodes: [] };
  #known = new KnownTokens(this.#given, this.#enrolled);
  #signature = "";
  #watching: Promise<void> = Promise.resolve();
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: AccessParts) {
    this.#parts = parts;
    this.#budget = new AddressBudget(parts.addressRequestsPerSecond);
    this.#refusals = new RefusalLog(parts.logger);
    this.#audit = new AuditLog(parts.platform.disk, parts.directory, parts.logger);
  }

  /** Reads the tokens and follows their file. Fails with FORMAT_UNKNOWN or DISK_FAILED. */
  async open(): Promise<void> {
    const { mode, platform, directory, logger } = this.#parts;
    if (mode !== "credentials") return;
    this.#enrolled = await readEnrolled(platform.disk, directory);
    await this.#readGiven();
    const count = this.#known.count(platform.clock.now());
    if (count === 0) {
      logger.warn(
        "nobody has a token yet: make one with `tailrace token create`, or a code for an agent",
      );
    }
    this.#watching = this.#watch();
  }

  /** Ends what {@link open} began. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.#writing;
    await this.#audit.close();
  }

  /** Why a request is not even looked at; undefined when it is. */
  admit({ remoteAddress }: HttpRequest): Refusal | undefined {
    if (this.#budget.take(remoteAddress, this.#parts.platform.clock.monotonic())) return undefined;
    this.refused(remoteAddress, "too_many_requests", "more requests than its share");
    const detail = "Requests of one address are limited; send less often.";
    return { status: 429, code: "too_many_requests", detail, retryAfterSeconds: 1 };
  }

  /** On whose behalf a request is made. */
  identify(request: HttpRequest): Identified {
    const { mode, platform } = this.#parts;
    if (mode !== "credentials") return { principal: localCaller(request) };
    const { headers, certificate, remoteAddress } = request;
    const who = this.#known.identify(headers["authorization"], certificate, platform.clock.now());
    if (!isUnknown(who)) return { principal: who };
    // Who shows nothing tries nothing.
    if (who.reason !== "missing") {
      this.#budget.punish(remoteAddress, platform.clock.monotonic());
      this.refused(remoteAddress, who.reason, who.detail);
    }
    const headersBack = { "www-authenticate": 'Bearer realm="tailrace"' };
    const refusal = { status: 401, code: "unauthenticated" as const, detail: who.detail };
    return { principal: NOBODY, refusal: { ...refusal, headers: headersBack } };
  }

  /** Counts and tells a refusal, also of a connection. */
  refused(address: string, reason: string, detail: string): void {
    this.#parts.observe(reason);
    this.#refusals.refused(address, reason, detail, this.#parts.platform.clock.monotonic());
  }

  /** Keeps that somebody changed something, or was not let to. */
  async changed(request: HttpRequest, who: Principal, status: number): Promise<void> {
    const [path = ""] = request.path.split("?");
    // A code is a secret; other bodies say what was changed.
    const detail = path === "/v1/enroll" ? "" : request.body.toString("utf8", 0, DETAIL_LENGTH_MAX);
    await this.#audit.append({
      time: new Date(this.#parts.platform.clock.now()).toISOString(),
      ...{ who: who.name, address: request.remoteAddress },
      ...{ action: `${request.method} ${path}`, status, detail },
    });
  }

  /** Answers `POST /v1/enroll`: a token for an agent that shows a code, once. */
  async enroll(request: HttpRequest): Promise<HttpResponse> {
    const { platform, logger } = this.#parts;
    const asked = enrollSchema.safeParse(parse(request.body));
    if (!asked.success) {
      const detail = 'Expected {"code": "…", "agent": "…"}.';
      return problemAnswer({ status: 400, code: "unreadable_body", detail });
    }
    const { agent } = asked.data;
    const code = this.#known.code(asked.data.code, agent, platform.clock.now());
    if (code === undefined) {
      this.#budget.punish(request.remoteAddress, platform.clock.monotonic());
      this.refused(request.remoteAddress, "wrong_code", `agent ${agent}`);
      const detail = "The code is not known, is used up or over, or is for another agent.";
      return problemAnswer({ status: 401, code: "unauthenticated", detail });
    }
    const { id, text, hash } = makeSecret(platform.random);
    const createdAt = new Date(platform.clock.now()).toISOString();
    const token = {
      id,
      name: `agent ${agent}`,
      hash,
      scopes: ["ingest" as const],
      agent,
      createdAt,
    };
    // At once, so that the same code never lets two in.
    this.#useEnrolled({
      ...this.#enrolled,
      tokens: [...this.#enrolled.tokens, token],
      usedCodes: [...this.#enrolled.usedCodes, code.id],
    });
    try {
      await this.#writeEnrolled();
    } catch (error) {
      // Nobody was told of the token, so the code may be shown again.
      this.#useEnrolled({
        ...this.#enrolled,
        tokens: this.#enrolled.tokens.filter((each) => each.id !== id),
        usedCodes: this.#enrolled.usedCodes.filter((each) => each !== code.id),
      });
      throw error;
    }
    logger.info("an agent is enrolled", { agent, token: id, code: code.id });
    return jsonAnswer(200, { token: text, id, agent });
  }

  async #watch(): Promise<void> {
    const { platform, directory, logger } = this.#parts;
    const { signal } = this.#stop;
    let complaint = "";
    while (!signal.aborted) {
      await platform.timers.sleep(LOOK_MS, signal);
      try {
        if ((await givenSignature(platform.disk, directory)) !== this.#signature) {
          await this.#readGiven();
          const tokens = this.#known.count(platform.clock.now());
          logger.info("the tokens are read again", { tokens });
          complaint = "";
        }
      } catch (error) {
        if (!(error instanceof TailraceError)) throw error;
        if (error.message !== complaint) {
          logger.error("the tokens cannot be read; those before stay in use", {
            detail: error.message,
          });
        }
        complaint = error.message;
      }
    }
  }

  async #readGiven(): Promise<void> {
    const { disk } = this.#parts.platform;
    const signature = await givenSignature(disk, this.#parts.directory);
    const given = await readGiven(disk, this.#parts.directory);
    // What was there when it was started was changed under another process, or none.
    if (this.#signature !== "") await this.#noteChanges(this.#given, given);
    this.#given = given;
    this.#signature = signature;
    this.#known = new KnownTokens(this.#given, this.#enrolled);
  }

  async #noteChanges(before: GivenTokens, after: GivenTokens): Promise<void> {
    const known = new Set([...before.tokens, ...before.codes].map(({ id }) => id));
    const ended = new Set(before.revoked.map(({ id }) => id));
    const time = new Date(this.#parts.platform.clock.now()).toISOString();
    const note = (action: string, detail: string) =>
      this.#audit.append({ time, who: "tailrace token", address: "", action, status: 200, detail });
    for (const { id, name, scopes, agent } of after.tokens) {
      if (!known.has(id))
        await note("create", `${id} ${name} ${scopes.join(",")} ${agent ?? "any"}`);
    }
    for (const { id, agent } of after.codes) {
      if (!known.has(id)) await note("code", `${id} ${agent ?? "any"}`);
    }
    for (const { id } of after.revoked) if (!ended.has(id)) await note("revoke", id);
  }

  /** Writes what is known now, one file after the other. */
  #writeEnrolled(): Promise<void> {
    const { platform, directory } = this.#parts;
    const written = this.#writing.then(() =>
      writeEnrolled(platform.disk, directory, this.#enrolled),
    );
    this.#writing = written.catch(() => undefined);
    return written;
  }

  #useEnrolled(enrolled: EnrolledTokens): void {
    this.#enrolled = enrolled;
    this.#known = new KnownTokens(this.#given, enrolled);
  }
}

function isUnknown(who: Principal | Unknown): who is Unknown {
  return "reason" in who;
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString("utf8"));
  } catch {
    // The schema says that nothing is not what was expected.
    return undefined;
  }
}
