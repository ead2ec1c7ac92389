/**
 * Makes lines of text on which a fast reader of a format can differ from its parser. Seeded: the same seed gives the same bytes.
 *
 * It begins with lines as programs write them (test/golden, test/benchmark) and some that are odd on purpose, and then spoils them: digits,
 * bytes and words replaced, pieces left out, doubled or put in, and the head of one line joined to the tail of another.
 */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { FORMAT_LINES, formatChunks, parserOf } from "../benchmark/format-lines.ts";
import { ODD_TEXT_LINES, type TextKernelFormat } from "./odd-text-lines.ts";

const GOLDEN = new URL("../golden/", import.meta.url);
/** Real logs by format. */
const REAL_LOGS: Readonly<Partial<Record<TextKernelFormat, readonly string[]>>> = {
  "access-log": ["logs/apache-combined.log.gz"],
  syslog: ["logs/syslog-auth.log.gz"],
};
const REAL_LINES_MAX = 400;

/** Pieces that mean something in one format or another. */
const PIECES = (
  '" \\ \\" \\\\ [ ] - -- : = . , ; < > { } ( ) # % / | 0 9 10 200 404 500 0.123 12ms 1.5s 3us 7ns 1e3 00.1 1.2.3 ' +
  "INFO ERROR warn Fatal WARN: [main] a=b level=error service=x duration=3 time= msg= 2026-11-20T10:00:00Z " +
  "+0100 +05:30 -08 Z UTC GMT CET CST AM PM UTC+1 Europe/Berlin T é ß Nov Feb 30 31 29 <11> <191> <192> <0> <08> 1 1234 ]: ]  [7]: stdout stderr F P"
).split(" ");
const ODD_BYTES = [" ", "  ", "\t", "\r", "\0", "\x0b", "\x7f", "\ufeff", "\u00a0", "\xff", "\n"];

const utf8 = (text: string): Buffer => Buffer.from(text);

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const to = end < 0 ? bytes.length : end;
    lines.push(bytes.subarray(at, to));
    at = to + 1;
  }
  return lines;
}

const plainLines = new Map<TextKernelFormat, readonly Buffer[]>();

function plainLinesOf(format: TextKernelFormat): readonly Buffer[] {
  const known = plainLines.get(format);
  if (known !== undefined) return known;
  const lines = [
    ...linesOf(readFileSync(new URL(`formats/${format}.log`, GOLDEN))),
    ...ODD_TEXT_LINES[format].map(utf8),
  ];
  for (const path of REAL_LOGS[format] ?? []) {
    lines.push(
      ...linesOf(gunzipSync(readFileSync(new URL(path, GOLDEN)))).slice(0, REAL_LINES_MAX),
    );
  }
  for (const measured of Object.keys(FORMAT_LINES)) {
    const name = (
      [
        "access-log",
        "cri",
        "cri-json",
        "docker",
        "docker-json",
        "log4j",
        "log4j-traces",
        "logfmt",
        "syslog",
      ] as const
    ).find((each) => each === measured && parserOf(each) === format);
    if (name === undefined) continue;
    for (const chunk of formatChunks(name, 40_000, 1)) lines.push(...linesOf(chunk).slice(0, 100));
  }
  plainLines.set(format, lines);
  return lines;
}

/** See the head of the file. */
export class NastyText {
  readonly #random: () => number;
  readonly #lines: readonly Buffer[];

  constructor(format: TextKernelFormat, random: () => number) {
    this.#random = random;
    this.#lines = plainLinesOf(format);
  }

  integer(count: number): number {
    return Math.floor(this.#random() * count);
  }

  chance(share: number): boolean {
    return this.#random() < share;
  }

  pick<Value>(values: readonly Value[]): Value {
    const value = values[this.integer(values.length)];
    if (value === undefined) throw new Error("there is nothing to pick from");
    return value;
  }

  /** A line, spoiled with the given likelihood; it holds no line feed. */
  line(spoiled: number): Buffer {
    let line = this.pick(this.#lines);
    while (this.chance(spoiled)) line = this.#spoil(line);
    return Buffer.from(line.map((byte) => (byte === 10 ? 11 : byte)));
  }

  #spoil(line: Buffer): Buffer {
    const at = this.integer(line.length + 1);
    const to = Math.min(line.length, at + this.integer(this.pick([2, 6, 30])));
    const [head, middle, tail] = [line.subarray(0, at), line.subarray(at, to), line.subarray(to)];
    switch (this.integer(7)) {
      case 0:
        return Buffer.concat([head, utf8(this.pick(PIECES)), line.subarray(at)]);
      case 1:
        return Buffer.concat([head, utf8(this.pick(PIECES)), tail]);
      case 2:
        return Buffer.concat([head, Buffer.from(this.pick(ODD_BYTES), "latin1"), tail]);
      case 3:
        return Buffer.concat([head, tail]);
      case 4:
        return Buffer.concat([head, middle, middle, tail]);
      case 5: {
        const other = this.pick(this.#lines);
        return Buffer.concat([head, other.subarray(this.integer(other.length + 1))]);
      }
      default:
        return this.#withOtherDigits(line);
    }
  }

  /** Most of a line's meaning stands in digits. */
  #withOtherDigits(line: Buffer): Buffer {
    const copy = Buffer.from(line);
    for (let count = 1 + this.integer(3); count > 0; count--) {
      const from = this.integer(copy.length + 1);
      const at = copy.findIndex((byte, index) => index >= from && byte >= 0x30 && byte <= 0x39);
      if (at >= 0) copy[at] = 0x30 + this.integer(10);
    }
    return copy;
  }
}
