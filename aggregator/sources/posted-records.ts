/**
 * Records that come with one request: counted as a whole, or not at all. With an idempotency key a request counts once, however often it is
 * sent; without one a sender that repeats it after an unclear answer counts it twice.
 */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { systemCode } from "../../shared/errors.ts";
import { EVENT_OPTIONS_DEFAULT } from "../../shared/events/event-options.ts";
import type { HttpRequest } from "../../shared/platform/network.ts";
import type { Platform } from "../../shared/platform/platform.ts";
import type { Refusal } from "../../shared/protocol/http-answer.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import { refusalOfLog } from "../log/refusal-of-log.ts";
import { type CountOptions, type LeavingRecords, RecordCounter } from "./count-records.ts";
import type { InletWord, RecordLog } from "./record-log.ts";

/** Uncompressed bytes of one request. */
export const POSTED_BYTES_MAX: number = 16 * 1024 * 1024;
/** Records of one request. */
export const POSTED_RECORDS_MAX = 50_000;
/** Of the records that are no events so many are told. */
const ERRORS_TOLD_MAX = 100;
/** Of the same so many are kept. Others wrote more of them than a person reads. */
const LETTERS_KEPT_MAX = 100;
const KEY = /^[\x21-\x7e]{1,256}$/;
const WORD_WAIT_MS_MAX = 5_000;
/** Bytes of the name of a request's records. */
export const FILE_BYTES = 6;

/** What posting works with. */
export interface PostedParts {
  readonly records: RecordLog;
  readonly platform: Platform;
  readonly maxFutureMs: number;
  readonly leaving: LeavingRecords;
  readonly selectors: () => Selectors;
}

/** One request's records, and where they belong. */
export interface Posted {
  readonly tenant: string;
  /** Name of the source. */
  readonly source: string;
  readonly stream: string;
  /** Service of events that name none. */
  readonly service: string;
  /** Tells the request from others with the same key. */
  readonly body: Buffer;
  readonly values: readonly Buffer[];
}

/** What became of a request's records. */
export interface PostedResult {
  /** `pending`: they are in the log, and counted soon. `duplicate`: they were counted before. */
  readonly state: "applied" | "duplicate" | "pending";
  readonly accepted: number;
  readonly rejected: number;
  /** The first of those that are no events; `line` is the place in the request, from 1. */
  readonly errors: readonly { readonly line: number; readonly reason: string }[];
}

/** The body of a request as it was before it was packed. */
export function unpackedBody(request: HttpRequest): Buffer | Refusal {
  const encoding = (request.headers["content-encoding"] ?? "identity").trim().toLowerCase();
  if (encoding === "identity") return request.body;
  if (encoding !== "gzip") {
    const detail = `Expected content-encoding gzip or none, got ${encoding.slice(0, 100)}.`;
    return { status: 415, code: "unsupported_media_type", detail };
  }
  try {
    return gunzipSync(request.body, { maxOutputLength: POSTED_BYTES_MAX });
  } catch (error) {
    if (systemCode(error) === "ERR_BUFFER_TOO_LARGE") {
      const detail = `The body has more than ${POSTED_BYTES_MAX} bytes unpacked. Send less at once.`;
      return { status: 413, code: "body_too_large", detail };
    }
    const detail = "The body is no gzip. Nothing of it was taken.";
    return { status: 400, code: "unreadable_body", detail };
  }
}

/** Counts the records of a request and appends them to the log; or says why not. */
export async function postRecords(
  request: HttpRequest,
  posted: Posted,
  parts: PostedParts,
): Promise<PostedResult | Refusal> {
  const { values, source, tenant } = posted;
  if (values.length > POSTED_RECORDS_MAX) {
    const detail = `${values.length} records in one request; at most ${POSTED_RECORDS_MAX}.`;
    return { status: 413, code: "body_too_large", detail };
  }
  const key = request.headers["idempotency-key"];
  if (key !== undefined && !KEY.test(key)) {
    const detail = "Expected an Idempotency-Key of 1 to 256 printable characters without spaces.";
    return { status: 400, code: "invalid_query", detail };
  }
  const counted = count(posted, key, parts);
  const digest = digestOf(posted.stream, posted.service, posted.body);
  let word: InletWord | undefined;
  try {
    const appended = await parts.records.append({
      ...{ kind: "inlet", tenant, source, place: "", batch: counted.batch },
      letters: counted.letters,
      records: { kind: "request", key: key ?? "", digest: digest.toString("hex") },
    });
    word = await within(parts, (signal) => appended.word(signal));
  } catch (error) {
    return refusalOfLog(error);
  }
  if (word?.verdict === "conflict") {
    const detail = "The Idempotency-Key was used for a request with another body; use a new one.";
    return { status: 422, code: "key_reused", detail };
  }
  const state = word === undefined ? "pending" : word.verdict;
  return { ...counted.result, state: state === "rewind" ? "pending" : state };
}

/** Counts records that came with a request. `file` is like no other request's: with its place there it names each event for ever. */
export function requestCounter(
  names: Pick<CountOptions, "source" | "stream" | "service" | "selectors" | "leaving">,
  file: Buffer,
): RecordCounter {
  const { source } = names;
  const place = { source, file: file.readUIntBE(0, FILE_BYTES) };
  return new RecordCounter({
    ...{ ...names, events: EVENT_OPTIONS_DEFAULT, place, labels: { source } },
  });
}

function count(posted: Posted, key: string | undefined, parts: PostedParts) {
  const { source, stream, service, values } = posted;
  const { platform, maxFutureMs, selectors, leaving } = parts;
  const file =
    key === undefined
      ? platform.random.bytes(FILE_BYTES)
      : digestOf(posted.tenant, key).subarray(0, FILE_BYTES);
  const counter = requestCounter({ source, stream, service, selectors, leaving }, file);
  const nowMs = platform.clock.now();
  const errors: { readonly line: number; readonly reason: string }[] = [];
  let rejected = 0;
  let accepted = 0;
  for (const [index, value] of values.entries()) {
    const before = counter.aggregatedCount;
    const reason = counter.add(value, index, nowMs + maxFutureMs);
    if (reason === undefined) accepted += counter.aggregatedCount - before;
    else if (++rejected <= ERRORS_TOLD_MAX) errors.push({ line: index + 1, reason });
  }
  const { batch, letters } = counter.take(nowMs);
  const names = { stream, service };
  const kept = letters.slice(0, LETTERS_KEPT_MAX).map((letter) => ({ ...letter, names }));
  return { batch, letters: kept, result: { accepted, rejected, errors } };
}

async function within<T>(
  { platform }: PostedParts,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  const finished = new AbortController();
  const wait = platform.timers.sleep(WORD_WAIT_MS_MAX, finished.signal).then(() => limit.abort());
  try {
    return await work(limit.signal);
  } finally {
    finished.abort();
    await wait;
  }
}

function digestOf(...parts: readonly (string | Buffer)[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) {
    // Lengths keep "ab", "c" and "a", "bc" apart.
    hash.update(`${part.length} `).update(part);
  }
  return hash.digest().subarray(0, 16);
}
