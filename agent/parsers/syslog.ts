/**
 * Syslog, from files and from the wire, told apart line by line:
 *
 *     <PRI>VERSION TIME HOST PROGRAM PROCESS MESSAGE-ID [DATA] message     RFC 5424; the PRI may be missing
 *     <PRI>Nov 20 10:00:00 host program[123]: message                      RFC 3164; the PRI may be missing, as in files
 *     2026-11-20T10:00:00.123456+01:00 host program[123]: message          the same with the time that rsyslog and others write
 *
 *     Nov 20 10:00:00 host daemon.err program[123]: message                the same with facility and severity by name, as busybox writes files
 *
 * The level is the severity; a line without one is INFO. The service is the program. In the older form the program is what a colon or
 * a process id in brackets follows; without either everything after the host is the message. A host may be missing before a program.
 */
import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { assert } from "../../shared/assert.ts";
import {
  DURATION_NONE,
  levelAt,
  levelOfNumber,
  serviceName,
} from "../../shared/events/event-fields.ts";
import type { EventOptions } from "../../shared/events/event-options.ts";
import { isBlank, lineContentEnd } from "../../shared/events/line-bytes.ts";
import {
  defineParser,
  emptyMeasure,
  type LineParser,
  type Measure,
  type ParsedEvent,
  type Rejection,
  type RejectionReason,
} from "../../shared/events/parser.ts";
import { LayoutReader } from "../../shared/time/layout-reader.ts";
import { ISO_PREFIX_LAYOUT, parseLayout } from "../../shared/time/time-layout.ts";
import { TimeZone } from "../../shared/time/time-zone.ts";
import { type StructuredData, structuredDataEnd } from "./structured-data.ts";
import { TextCache } from "./text-cache.ts";

const SPACE = 0x20;
const PERCENT = 0x25;
const DASH = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const LESS = 0x3c;
const GREATER = 0x3e;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const LETTER_T = 0x54;
const PRIORITY_MAX = 191;
/** Longest names in the newer form: RFC 5424, section 6. */
const HOST_BYTES_MAX = 255;
const PROGRAM_BYTES_MAX = 48;
const PROCESS_BYTES_MAX = 128;
const MESSAGE_ID_BYTES_MAX = 32;
/** `2026-11-20T10:00:00.123456789+01:00`; longer fractions are no times of this form. */
const TIME_BYTES_MAX = 35;
/** Longest program in the older form; longer words before a colon are text. */
const TAG_BYTES_MAX = 128;
/** Position of the T in a time of the ISO form. */
const TIME_T_AT = 10;
/** `authpriv.warning`; longer words are no facility and severity. */
const PRIORITY_WORD_BYTES_MAX = 16;
/** Facilities by their numbers: RFC 5424, section 6.2.1, with the names of syslog.h. */
const FACILITIES = [
  ...["kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron"],
  ...["authpriv", "ftp", "ntp", "security", "console", "cron"],
  ...["local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
];
/** Severities by their numbers, and the older names of some. */
const SEVERITIES = ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];
const OLDER_SEVERITIES = ["panic", "", "", "error", "warn"];

/** Where the parts of the line at hand stand; a part that is missing is empty. */
class Parts {
  /** -1 when there is none. */
  priority = -1;
  /** 0 in the older form. */
  version = 0;
  timeFrom = 0;
  /** True when a dash stands for the time. */
  isTimeless = false;
  /** True when the time of the older form is in the ISO form: other logs begin so too, and a program must tell it from them. */
  isIso = false;
  hostFrom = 0;
  hostTo = 0;
  programFrom = 0;
  programTo = 0;
  processFrom = 0;
  processTo = 0;
  messageIdFrom = 0;
  messageIdTo = 0;
  dataFrom = 0;
  messageFrom = 0;
}

class SyslogParser implements LineParser {
  readonly #isTimeGiven: boolean;
  readonly #serviceFields: readonly string[] | undefined;
  readonly #older: LayoutReader;
  readonly #iso: LayoutReader;
  readonly #services = new TextCache(serviceName);
  readonly #parts = new Parts();
  readonly #measure = emptyMeasure();

  constructor(options: EventOptions) {
    this.#isTimeGiven = options.isTimeGiven === true;
    this.#serviceFields = options.fields.service;
    const zone = new TimeZone(options.timezone);
    const reader = (text: string): LayoutReader => {
      const layout = parseLayout(text);
      assert(typeof layout !== "string", `the layout ${text} is right`);
      return new LayoutReader(layout, zone, options.nowMs);
    };
    this.#older = reader("syslog");
    this.#iso = reader(ISO_PREFIX_LAYOUT);
  }

  parse(line: Buffer): ParsedEvent | Rejection {
    const measure = this.#measure;
    const reason = this.measure(line, 0, line.length, measure);
    if (reason !== undefined) return { kind: "rejection", reason };
    const end = lineContentEnd(line, 0, line.length);
    return {
      kind: "event",
      timeMs: measure.timeMs,
      service: measure.service === "" ? undefined : measure.service,
      level: levelAt(measure.level),
      message: messageText(line, this.#parts.messageFrom, end),
      durationUs: undefined,
      durationOutOfRange: false,
      fields: fieldsOf(line, this.#parts, end),
    };
  }

  measure(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const end = lineContentEnd(buffer, from, to);
    const parts = this.#parts;
    const reason = this.#find(buffer, from, end, target);
    if (reason !== undefined) return isBlank(buffer, from, end) ? "blank" : reason;
    target.level = parts.priority < 0 ? LEVEL_INDEX.INFO : levelOfNumber(parts.priority & 7);
    target.durationUs = DURATION_NONE;
    target.durationOutOfRange = false;
    if (this.#serviceFields !== undefined) target.service = this.#mappedService(buffer, end);
    else if (parts.programTo === parts.programFrom) target.service = "";
    else target.service = this.#services.get(buffer, parts.programFrom, parts.programTo);
    return undefined;
  }

  /** The slow way, only for sources that take the service from a field. */
  #mappedService(buffer: Buffer, to: number): string {
    const fields = fieldsOf(buffer, this.#parts, to);
    for (const name of this.#serviceFields ?? []) {
      const value = fields[name];
      if (typeof value === "string" || typeof value === "number") return serviceName(String(value));
    }
    return "";
  }

  /** Finds the parts of a line and reads its time. */
  #find(buffer: Buffer, from: number, to: number, target: Measure): RejectionReason | undefined {
    const parts = this.#parts;
    let at = findPriority(buffer, from, to, parts);
    if (at < 0) return "unparsed";
    parts.version = 0;
    const versionTo = digitsEnd(buffer, at, Math.min(to, at + 4));
    const digitCount = versionTo - at;
    const isNewer =
      digitCount >= 1 && digitCount <= 3 && buffer[at] !== ZERO && buffer[versionTo] === SPACE;
    if (isNewer) {
      for (let index = at; index < versionTo; index++) {
        parts.version = parts.version * 10 + (buffer[index] ?? 0) - ZERO;
      }
      return this.#findNewer(buffer, versionTo + 1, to, target);
    }
    const isIso = digitCount === 4;
    if (!isIso && digitCount > 0) return "unparsed";
    if (isIso && buffer[at + TIME_T_AT] !== LETTER_T) return "unparsed";
    const reader = isIso ? this.#iso : this.#older;
    const timeMs = reader.read(buffer, at, to);
    if (Number.isNaN(timeMs)) return parts.priority >= 0 ? "no_time" : "unparsed";
    parts.timeFrom = at;
    parts.isTimeless = false;
    parts.isIso = isIso;
    target.timeMs = timeMs;
    at = reader.end;
    if (at >= to || buffer[at] !== SPACE) {
      // Some write a colon after the time.
      if (buffer[at] !== COLON || buffer[at + 1] !== SPACE) return "unparsed";
      at++;
    }
    return findOlder(buffer, spacesEnd(buffer, at, to), to, parts) ? undefined : "unparsed";
  }

  #findNewer(
    buffer: Buffer,
    from: number,
    to: number,
    target: Measure,
  ): RejectionReason | undefined {
    const parts = this.#parts;
    let at = from;
    parts.timeFrom = at;
    parts.isTimeless = buffer[at] === DASH && buffer[at + 1] === SPACE;
    if (parts.isTimeless) at += 2;
    else {
      const timeMs = this.#iso.read(buffer, at, to);
      const end = this.#iso.end;
      const isWhole = buffer[at + TIME_T_AT] === LETTER_T && buffer[end] === SPACE;
      if (Number.isNaN(timeMs) || !isWhole || end >= to || end - at > TIME_BYTES_MAX) {
        return "unparsed";
      }
      target.timeMs = timeMs;
      at = end + 1;
    }
    if (!findNames(buffer, at, to, parts)) return "unparsed";
    return parts.isTimeless && !this.#isTimeGiven ? "no_time" : undefined;
  }
}

/** Reads `<PRI>` if it is there; returns where it ends, or -1 when it is wrong. */
function findPriority(buffer: Buffer, from: number, to: number, parts: Parts): number {
  parts.priority = -1;
  if (from >= to || buffer[from] !== LESS) return from;
  const end = digitsEnd(buffer, from + 1, Math.min(to, from + 4));
  if (end === from + 1 || end >= to || buffer[end] !== GREATER) return -1;
  if (buffer[from + 1] === ZERO && end > from + 2) return -1;
  let priority = 0;
  for (let at = from + 1; at < end; at++) priority = priority * 10 + (buffer[at] ?? 0) - ZERO;
  if (priority > PRIORITY_MAX) return -1;
  parts.priority = priority;
  return end + 1;
}

/** Finds host, program, process, message id and data of the newer form, from behind the time. */
function findNames(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  parts.hostFrom = from;
  parts.hostTo = nameEnd(buffer, from, to, HOST_BYTES_MAX);
  if (parts.hostTo < 0) return false;
  parts.programFrom = parts.hostTo + 1;
  parts.programTo = nameEnd(buffer, parts.programFrom, to, PROGRAM_BYTES_MAX);
  if (parts.programTo < 0) return false;
  parts.processFrom = parts.programTo + 1;
  parts.processTo = nameEnd(buffer, parts.processFrom, to, PROCESS_BYTES_MAX);
  if (parts.processTo < 0) return false;
  parts.messageIdFrom = parts.processTo + 1;
  parts.messageIdTo = nameEnd(buffer, parts.messageIdFrom, to, MESSAGE_ID_BYTES_MAX);
  if (parts.messageIdTo < 0) return false;
  parts.dataFrom = parts.messageIdTo + 1;
  const end = structuredDataEnd(buffer, parts.dataFrom, to);
  if (end < 0 || (end < to && buffer[end] !== SPACE)) return false;
  parts.messageFrom = Math.min(to, end + 1);
  dropDash(buffer, parts);
  return true;
}

/** A dash stands for a program that there is none. */
function dropDash(buffer: Buffer, parts: Parts): void {
  if (parts.programTo - parts.programFrom === 1 && buffer[parts.programFrom] === DASH) {
    parts.programTo = parts.programFrom;
  }
}

/** Where a name of printable bytes and the space behind it stand; -1 when it is empty, too long, or not followed by a space. */
function nameEnd(buffer: Buffer, from: number, to: number, bytesMax: number): number {
  let at = from;
  while (at < to && (buffer[at] ?? 0) > SPACE && (buffer[at] ?? 0) < 0x7f) at++;
  const isName = at > from && at - from <= bytesMax && at < to && buffer[at] === SPACE;
  return isName ? at : -1;
}

/** Finds host and program of the older form, from behind the time. */
function findOlder(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  parts.messageIdFrom = parts.messageIdTo = 0;
  parts.hostFrom = parts.hostTo = from;
  parts.programFrom = parts.programTo = from;
  if (findTag(buffer, from, to, parts)) return !parts.isIso;
  let at = from;
  // `--- last message repeated 2 times ---` has no host.
  if (buffer[from] !== DASH) {
    // What was looked at for a program ends where the host does, unless it holds a colon or a bracket.
    if (parts.programFrom === from && parts.programTo > from) at = parts.programTo;
    while (at < to && (buffer[at] ?? 0) > SPACE) at++;
    if (at === from) return false;
    parts.hostTo = at;
    at = spacesEnd(buffer, at, to);
  }
  if (at >= to) return false;
  if (findTag(buffer, at, to, parts) || findPriorityAndTag(buffer, at, to, parts)) return true;
  parts.programFrom = parts.programTo = at;
  parts.processFrom = parts.processTo = at;
  parts.messageFrom = at;
  return !parts.isIso;
}

/** Finds `facility.severity` and a program behind it. */
function findPriorityAndTag(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  // Where a look for a program ended, unless that was at a colon or a bracket.
  const end = parts.programTo;
  if (parts.priority >= 0 || buffer[end] !== SPACE || end - from > PRIORITY_WORD_BYTES_MAX) {
    return false;
  }
  const priority = priorityOfWord(buffer.toString("latin1", from, end));
  if (priority < 0 || !findTag(buffer, spacesEnd(buffer, end, to), to, parts)) return false;
  parts.priority = priority;
  return true;
}

/** The priority that `facility.severity` names; -1 when it is none. */
function priorityOfWord(word: string): number {
  const [facilityName = "", severityName = "", ...more] = word.split(".");
  const facility = FACILITIES.indexOf(facilityName);
  const known = SEVERITIES.indexOf(severityName);
  const severity = known < 0 ? OLDER_SEVERITIES.indexOf(severityName) : known;
  const isPriority = facility >= 0 && severity >= 0 && severityName !== "" && more.length === 0;
  return isPriority ? facility * 8 + severity : -1;
}

/** Finds `program[process]:` or `program:` or, behind a host, `program[process]`. */
function findTag(buffer: Buffer, from: number, to: number, parts: Parts): boolean {
  if (from >= to || buffer[from] === PERCENT || buffer[from] === OPEN) return false;
  let at = from;
  const limit = Math.min(to, from + TAG_BYTES_MAX);
  while (at < limit && isTagByte(buffer[at] ?? 0)) at++;
  parts.programFrom = from;
  parts.programTo = at;
  if (at === from || at >= to) return false;
  parts.processFrom = parts.processTo = at;
  let hasColon = buffer[at] === COLON;
  if (buffer[at] === OPEN) {
    parts.processFrom = at + 1;
    while (at < limit && buffer[at] !== CLOSE && (buffer[at] ?? 0) !== SPACE) at++;
    if (buffer[at] !== CLOSE || at >= limit) return false;
    parts.processTo = at++;
    hasColon = at < to && buffer[at] === COLON;
    if (!hasColon && parts.hostTo === parts.hostFrom) return false;
  } else if (!hasColon) return false;
  if (hasColon) at++;
  // `a:b` is a word of the text, an address or a module.
  if (at < to && (buffer[at] ?? 0) > SPACE) return false;
  parts.messageFrom = spacesEnd(buffer, at, to);
  return true;
}

function isTagByte(byte: number): boolean {
  return byte > SPACE && byte !== COLON && byte !== OPEN;
}

function digitsEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && (buffer[at] ?? 0) >= ZERO && (buffer[at] ?? 0) <= NINE) at++;
  return at;
}

function spacesEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && buffer[at] === SPACE) at++;
  return at;
}

/** The message without a byte order mark, which RFC 5424 puts before UTF-8; undefined when it is empty. */
function messageText(line: Buffer, from: number, to: number): string | undefined {
  const text = line.toString("utf8", from, to).replace(/^\ufeff/, "");
  return text === "" ? undefined : text;
}

/** The parts by the names of RFC 5424; a part that is missing or a dash is left out. */
function fieldsOf(line: Buffer, parts: Parts, to: number): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  const set = (name: string, from: number, end: number): void => {
    const value = line.toString("utf8", from, end);
    if (value !== "" && value !== "-") fields[name] = value;
  };
  if (parts.priority >= 0) {
    fields["priority"] = parts.priority;
    fields["facility"] = parts.priority >> 3;
    fields["severity"] = parts.priority & 7;
  }
  if (parts.version > 0) fields["version"] = parts.version;
  set("hostname", parts.hostFrom, parts.hostTo);
  set("appname", parts.programFrom, parts.programTo);
  set("procid", parts.processFrom, parts.processTo);
  set("msgid", parts.messageIdFrom, parts.messageIdTo);
  if (parts.version > 0) {
    const data: StructuredData = new Map();
    structuredDataEnd(line, parts.dataFrom, to, data);
    const elements = [...data].map(([id, values]) => [id, Object.fromEntries(values)]);
    if (elements.length > 0) fields["structured_data"] = Object.fromEntries(elements);
  }
  return fields;
}

/** Reads syslog lines. */
export const parser = defineParser({
  summary: "Syslog of RFC 3164 and RFC 5424, with and without priority, as in files.",
  compile: (options) => new SyslogParser(options),
});
