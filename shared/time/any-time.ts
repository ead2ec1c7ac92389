/**
 * Reads a text that is a time and nothing else, in any of several layouts: those that are configured, or all that mean one thing only.
 *
 * Without configured layouts the first that fits counts: what {@link TimeReader} knows (ISO 8601, common log, epoch), then the mail,
 * web, C, syslog and logcat forms and a few more. Layouts whose numbers could be day or month (`11/12/2026`) are not guessed.
 */
import { assert } from "../assert.ts";
import { LayoutReader } from "./layout-reader.ts";
import { parseLayout } from "./time-layout.ts";
import { TimeReader } from "./time-text.ts";
import type { TimeZone } from "./time-zone.ts";

const SPACE = 0x20;
const OPEN = 0x28;
const CLOSE = 0x29;

const OTHER_LAYOUTS = [
  "iso8601",
  "rfc2822",
  "[EEE, ]d MMM yy HH:mm[:ss] Z",
  "rfc850",
  "ansi_c",
  "EEE MMM d HH:mm:ss[.SSS] yyyy Z",
  "EEE MMM d yyyy HH:mm:ss Z",
  "EEE d MMM yyyy h:mm:ss a[ Z]",
  "MMM d, yyyy h:mm:ss a",
  "MMM d, yyyy HH:mm:ss",
  "syslog",
  "logcat",
  "common_log",
  "dd MMM yyyy HH:mm:ss[.SSS]",
  "dd-MMM-yyyy HH:mm:ss[.SSS][ Z]",
  "yyMMdd H:mm:ss",
  "yyMMdd HHmmss",
  "yyyyMMdd HH:mm:ss[.SSS]",
  "yyyyMMddHHmmss[SSS]",
];

/** See the head of the file. */
export class AnyTimeReader {
  readonly #first: TimeReader | undefined;
  readonly #readers: readonly LayoutReader[];

  /** `layouts` were checked with `parseLayout`; none means all that are known. */
  constructor(zone: TimeZone, nowMs: (() => number) | undefined, layouts: readonly string[] = []) {
    this.#first = layouts.length === 0 ? new TimeReader(zone) : undefined;
    this.#readers = (layouts.length === 0 ? OTHER_LAYOUTS : layouts).map((text) => {
      const layout = parseLayout(text);
      assert(typeof layout !== "string", `the time layout ${text} was checked before`);
      return new LayoutReader(layout, zone, nowMs);
    });
  }

  /** Milliseconds since the epoch of the time that `bytes[from, to)` writes, parts cut off; NaN when it is none. */
  read(bytes: Uint8Array, from: number, to: number): number {
    const ms = this.#first?.read(bytes, from, to) ?? Number.NaN;
    if (!Number.isNaN(ms)) return ms;
    const end = commentFrom(bytes, from, to);
    for (const reader of this.#readers) {
      const found = reader.read(bytes, from, to);
      if (!Number.isNaN(found) && (reader.end === to || reader.end === end)) return found;
    }
    return Number.NaN;
  }

  /** As {@link read}, of a text. */
  readText(text: string): number {
    const bytes = Buffer.from(text);
    return this.read(bytes, 0, bytes.length);
  }
}

/** Where a comment in brackets at the very end begins, as mails and browsers write the name of a zone: `… +0100 (CET)`; `to` when there is none. */
function commentFrom(bytes: Uint8Array, from: number, to: number): number {
  if (bytes[to - 1] !== CLOSE) return to;
  let at = to - 1;
  while (at > from && bytes[at] !== OPEN) at--;
  return at > from && bytes[at - 1] === SPACE ? at - 1 : to;
}
