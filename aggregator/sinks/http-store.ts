/** What sinks that speak plain HTTP have in common: one call, how its answer is judged, and how a refused batch is taken apart. */
import { z } from "zod";
import { TailraceError } from "../../shared/errors.ts";
import type { Result, SinkContext, WriteContext, WriteFailure, WriteReport } from "./sink.ts";

/** An address of a store. Secrets belong in keys of their own, which no message shows. */
export const httpAddress = z.string().regex(/^https?:\/\/[^\s/@?#]+(\/[^\s?#]*)?$/, {
  error: "expected an address such as http://127.0.0.1:8086, without user, query or fragment",
});

/** A request to a store. */
export interface StoreCall {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What a store answered. */
export interface StoreAnswer {
  /** `taken`; `refused`: this will never be taken; `later`: the same may be taken another time. */
  readonly verdict: "taken" | "refused" | "later";
  /** Status and what the store said, for people. */
  readonly reason: string;
  readonly retryAfterMs: number | undefined;
}

const REASON_LENGTH_MAX = 500;
/** Longest wait that a store can ask for; then it is asked again. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/**
 * Posts to a store and says what became of it; `isRefusal` tells which statuses other than success will never change. Fails with SINK_FAILED
 * when no whole answer came: then nothing is known. The message names host and port only, since paths can be secrets.
 */
export async function callStore(
  call: StoreCall,
  context: WriteContext,
  { platform, name }: SinkContext,
  isRefusal: (status: number) => boolean,
): Promise<StoreAnswer> {
  const { signal } = context;
  try {
    const answer = await platform.network.call({
      ...call,
      method: "POST",
      timeoutMs: STORE_CALL_MS_MAX,
      signal,
    });
    const { status, headers, body } = answer;
    const said = body.toString("utf8").trim().slice(0, REASON_LENGTH_MAX);
    const retryAfterMs = retryAfterMsOf(headers["retry-after"], platform.clock.now());
    const reason = said === "" ? String(status) : `${status} ${said}`;
    if (status >= 200 && status < 300) return { verdict: "taken", reason, retryAfterMs };
    return { verdict: isRefusal(status) ? "refused" : "later", reason, retryAfterMs };
  } catch (cause) {
    const deeper = cause instanceof TailraceError ? cause.cause : cause;
    const reason = deeper instanceof Error ? deeper.message : String(deeper);
    const { host } = new URL(call.url);
    throw new TailraceError("SINK_FAILED", `No whole answer from ${host}: ${reason}`, {
      cause,
      facts: { sink: name },
    });
  }
}

/** The signal of a write ends a call earlier; this only bounds one whose signal never comes. */
const STORE_CALL_MS_MAX = 600_000;

/** Milliseconds to wait as a `retry-after` header says: seconds or a date (RFC 9110, 10.2.3); undefined when it says nothing usable. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  if (Number.isNaN(waitMs)) return undefined;
  return Math.min(Math.max(waitMs, 0), RETRY_AFTER_MS_MAX);
}

/**
 * Writes results with one request where possible. A store that refuses a request does not say which of its results it means, so a refused
 * one is halved until single results are refused: those are named with the store's reason, all others are written.
 */
export async function writeHalving(
  indexes: readonly number[],
  send: (indexes: readonly number[]) => Promise<StoreAnswer>,
): Promise<WriteReport> {
  const failures: WriteFailure[] = [];
  const waiting: (readonly number[])[] = indexes.length === 0 ? [] : [indexes];
  for (let part = waiting.pop(); part !== undefined; part = waiting.pop()) {
    const { verdict, reason, retryAfterMs } = await send(part);
    if (verdict === "taken") continue;
    if (verdict === "later") {
      const rest = [part, ...waiting].flat();
      failures.push(...rest.map((index) => ({ index, reason, isRetryable: true })));
      return { failures, retryAfterMs };
    }
    const half = part.length >> 1;
    if (half === 0) failures.push(...part.map((index) => ({ index, reason, isRetryable: false })));
    else waiting.push(part.slice(half), part.slice(0, half));
  }
  return { failures };
}

/** The `authorization` header of a user with a password (RFC 7617), none without a user. */
export function basicAuthorization(login: {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}): Record<string, string> {
  if (login.username === undefined) return {};
  const pair = Buffer.from(`${login.username}:${login.password ?? ""}`).toString("base64");
  return { authorization: `Basic ${pair}` };
}

/** The results of these places. */
export function pick<T extends Result>(results: readonly T[], indexes: readonly number[]): T[] {
  return indexes.flatMap((index) => results[index] ?? []);
}
