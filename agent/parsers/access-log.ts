/**
 * The access logs of nginx and Apache: common and combined, with or without a virtual host in front and more fields at the end.
 *
 *     [vhost] client ident user [time] "request" status bytes ["referrer" "agent"] [more …] [request time]
 *
 * The level follows from the status. A number at the very end is the request time: with exactly three decimals it is nginx's
 * `$request_time`, in seconds (unless the source's unit is not the default); with a unit of its own it says so; else in the source's unit.
 * The lines name no service; `fields: { service: vhost }` takes one of the fields.
 */

import {
  DURATION_NONE,
  DURATION_OUT_OF_RANGE,
  levelAt,
  levelOfStatus,
  serviceName,
} from "../../shared/events/event-fields.ts";
import type { DurationUnit, EventOptions } from "../../shared/events/event-options.ts";
import { isBlank } from "../../shared/events/line-bytes.ts";
import {
  defineParser,
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import { TimeReader } from "../../shared/time/time-text.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import { durationTextUs } from "./duration-text.ts";
import { TextCache } from "./text-cache.ts";

const SPACE = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;
const DOT = 0x2e;
const BACKSLASH = 0x5c;
const OPEN = 0x5b;
const CLOSE = 0x5d;
/** Bytes of `20/Nov/2026:10:00:00 +0000`. */
const TIME_BYTES = 26;

/** Longest text before the time: addresses, a virtual host, a user. Most lines of other formats are told by that. */
const HEAD_BYTES_MAX = 1024;

/** Where the parts of the line at hand stand. */
class Parts {
  timeFrom = 0;
  timeTo = 0;
  requestFrom = 0;
  requestTo = 0;
  statusFrom = 0;
  /** 0 when the status is `-`. */
  status = 0;
  bytesFrom = 0;
  bytesTo = 0;
  /** -1 when there is no quoted string after the byte count; those of the agent when there is no second one. */
  referrerFrom = -1;
  referrerTo = -1;
  agentFrom = -1;
  agentTo = -1;
  /** Everything after, with the space before it. */
  tailFrom = 0;
}

class AccessLogParser implements LineParser {
  readonly #durationUnit: DurationUnit;
  readonly #times: TimeReader;
  readonly #serviceFields: readonly string[];
  readonly #services = new TextCache(serviceName);
  readonly #parts = new Parts();
  readonly #measure = emptyMeasure();

  constructor(options: EventOptions) {
    this.#durationUnit = options.durationUnit;
    this.#times = new TimeReader(new TimeZone(options.timezone));
    this.#serviceFields = options.fields.service ?? [];
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const measure = this.#measure;
    const reason = this.measure(line, 0, line.length, measure);
    if (reason !== undefined) return { kind: "rejection", reason };
    const parts = this.#parts;
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: line.toString("utf8", parts.requestFrom, parts.requestTo),
      durationUs: measure.durationUs < 0 ? undefined : measure.durationUs,
      durationOutOfRange: measure.durationOutOfRange,
      fields: fieldsOf(line, parts),
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const parts = this.#parts;
    if (!findParts(buffer, from, to, parts)) {
      return isBlank(buffer, from, to) ? "blank" : "unparsed";
    }
    target.timeMs = this.#times.read(buffer, parts.timeFrom, parts.timeTo);
    if (Number.isNaN(target.timeMs)) return "bad_time";
    target.level = levelOfStatus(parts.status);
    target.service = this.#serviceFields.length === 0 ? "" : this.#serviceOf(buffer, from, to);
    const us = this.#requestTime(buffer, to);
    target.durationOutOfRange = us === DURATION_OUT_OF_RANGE;
    target.durationUs = us < 0 ? DURATION_NONE : us;
    return undefined;
  }

  /** The slow way, only for sources that take the service from a field. */
  #serviceOf(buffer: Buffer, from: number, to: number): string {
    const line = buffer.subarray(from, to);
    const parts = new Parts();
    findParts(line, 0, line.length, parts);
    const fields = fieldsOf(line, parts);
    for (const name of this.#serviceFields) {
      const value = fields[name];
      if (value === undefined) continue;
      const bytes = Buffer.from(String(value));
      return this.#services.get(bytes, 0, bytes.length);
    }
    return "";
  }

  #requestTime(buffer: Buffer, to: number): number {
    const { tailFrom } = this.#parts;
    let end = to;
    while (end > tailFrom && (buffer[end - 1] ?? 0) <= SPACE) end--;
    let start = end;
    while (start > tailFrom && (buffer[start - 1] ?? 0) > SPACE) start--;
    const first = (buffer[start] ?? 0) - 0x30;
    if (start === end || first < 0 || first > 9) return DURATION_NONE;
    const isNginx = this.#durationUnit === "ms" && end - start >= 5 && buffer[end - 4] === DOT;
    return durationTextUs(buffer, start, end, isNginx ? "s" : this.#durationUnit);
  }
}

/** Finds the parts of `buffer[from, to)`; false when it is no line of an access log. The time is only found, not read. */
function findParts(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  const limit = Math.min(to, from + HEAD_BYTES_MAX);
  for (let at = from + 1; at < limit; at++) {
    if (buffer[at] !== OPEN || buffer[at - 1] !== SPACE) continue;
    let close = at + TIME_BYTES + 1;
    if (close >= to || buffer[close] !== CLOSE) {
      close = at + 1;
      while (close < to && buffer[close] !== CLOSE && buffer[close] !== QUOTE) close++;
    }
    if (close + 3 >= to || buffer[close + 1] !== SPACE || buffer[close + 2] !== QUOTE) continue;
    if (!findRequest(buffer, close + 3, to, parts)) return false;
    parts.timeFrom = at + 1;
    parts.timeTo = close;
    return findTail(buffer, parts.bytesTo, to, parts);
  }
  return false;
}

/** Finds the request, the status and the byte count. The request ends at the first quote that those two follow. */
function findRequest(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  // A quote after a backslash is part of the request; only when no other ends it, some server did not escape its backslashes.
  for (const isEscapedAllowed of [false, true]) {
    for (let at = from; at < to; at++) {
      const byte = buffer[at];
      if (byte === BACKSLASH && !isEscapedAllowed) at++;
      else if (byte === QUOTE && findStatus(buffer, at + 1, to, parts)) {
        parts.requestFrom = from;
        parts.requestTo = at;
        return true;
      }
    }
  }
  return false;
}

/** Finds ` STATUS BYTES` where each may be `-`. */
function findStatus(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  if (buffer[from] !== SPACE) return false;
  let at = from + 1;
  let status = 0;
  while (at < to) {
    const digit = (buffer[at] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) break;
    status = status * 10 + digit;
    at++;
  }
  const statusBytes = at - from - 1;
  if (statusBytes === 0 && at < to && buffer[at] === DASH) at++;
  else if (statusBytes !== 3) return false;
  if (at >= to || buffer[at] !== SPACE) return false;
  const bytesFrom = ++at;
  while (at < to && (buffer[at] ?? 0) >= 0x30 && (buffer[at] ?? 0) <= 0x39) at++;
  if (at === bytesFrom && at < to && buffer[at] === DASH) at++;
  if (at === bytesFrom || (at < to && (buffer[at] ?? 0) > SPACE)) return false;
  parts.statusFrom = from + 1;
  parts.status = status;
  parts.bytesFrom = bytesFrom;
  parts.bytesTo = at;
  return true;
}

/** Finds referrer and agent, if they are there, and what follows. A quote that is opened must be closed. */
function findTail(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  parts.referrerFrom = -1;
  parts.referrerTo = -1;
  parts.agentFrom = -1;
  parts.agentTo = -1;
  parts.tailFrom = from;
  const isDashed = from + 3 < to && buffer[from + 1] === DASH && buffer[from + 2] === SPACE;
  // Traefik writes a referrer that is absent without quotes.
  if (isDashed && buffer[from + 3] === QUOTE) return findAgent(buffer, from + 2, to, parts);
  if (from + 1 >= to || buffer[from + 1] !== QUOTE) return true;
  const referrerTo = closingQuote(buffer, from + 2, to);
  if (referrerTo < 0) return false;
  parts.referrerFrom = from + 2;
  parts.referrerTo = referrerTo;
  parts.tailFrom = referrerTo + 1;
  if (referrerTo + 2 >= to || buffer[referrerTo + 2] !== QUOTE) return true;
  const agentTo = closingQuote(buffer, referrerTo + 3, to);
  if (agentTo < 0) return false;
  parts.agentFrom = referrerTo + 3;
  parts.agentTo = agentTo;
  parts.tailFrom = agentTo + 1;
  return true;
}

/** Finds the agent behind a referrer that is absent and ends at `from`. */
function findAgent(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  const agentTo = closingQuote(buffer, from + 2, to);
  if (agentTo < 0) return false;
  parts.referrerFrom = from;
  parts.referrerTo = from;
  parts.agentFrom = from + 2;
  parts.agentTo = agentTo;
  parts.tailFrom = agentTo + 1;
  return true;
}

/** The position of the next quote that is not escaped and that a space or the end follows; -1 when there is none. */
function closingQuote(buffer: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = buffer[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE && (at + 1 === to || (buffer[at + 1] ?? 0) <= SPACE)) return at;
  }
  return -1;
}

/** `METHOD PATH PROTOCOL`; what bots send instead is taken as a path whole. */
const REQUEST = /^([A-Z][A-Z_-]*) (.*?)(?: (HTTP\/[\d.]+))?$/s;
/** Addresses that a request was forwarded for, with commas between and perhaps quotes around: the first is the client. */
const FORWARDED = /^"?([^\s",]+)(?:, *[^\s",]+)*"? /;

/** The words before the time. */
function headsOf(text: string): string[] {
  const forwarded = FORWARDED.exec(text);
  const isList = forwarded !== null && /[",]/.test(forwarded[0]);
  const words = (isList ? text.slice(forwarded[0].length) : text).split(" ");
  return [...(isList ? [forwarded[1] ?? ""] : []), ...words].filter((word) => word !== "");
}

/** The parts as fields. A `-` stands for what is absent, and such a field is left out. */
function fieldsOf(line: Buffer, parts: Parts): Record<string, string | number> {
  const fields: Record<string, string | number> = {};
  const set = (name: string, value: string | undefined): void => {
    if (value !== undefined && value !== "" && value !== "-") fields[name] = value;
  };
  const heads = headsOf(line.toString("utf8", 0, parts.timeFrom - 1));
  // A user's name may hold spaces; a virtual host stands before a client that is not absent.
  if (heads.length > 3 && heads[1] !== "-") set("vhost", heads.shift());
  set("client", heads.shift());
  set("ident", heads.shift());
  set("user", heads.join(" "));
  const request = line.toString("utf8", parts.requestFrom, parts.requestTo);
  const [, method, path = request, protocol] = REQUEST.exec(request) ?? [];
  set("method", method);
  set("path", path);
  set("protocol", protocol);
  if (parts.status > 0) fields["status"] = parts.status;
  if (line[parts.bytesFrom] !== DASH) {
    fields["bytes"] = Number(line.toString("latin1", parts.bytesFrom, parts.bytesTo));
  }
  if (parts.referrerFrom >= 0) {
    set("referrer", line.toString("utf8", parts.referrerFrom, parts.referrerTo));
  }
  if (parts.agentFrom >= 0) set("agent", line.toString("utf8", parts.agentFrom, parts.agentTo));
  set("more", line.toString("utf8", parts.tailFrom).trim());
  return fields;
}

/** Reads the lines of access logs. */
export const parser = defineParser({
  summary:
    "Access logs of nginx and Apache: common, combined, an optional request time at the end.",
  compile: (options) => new AccessLogParser(options),
});
