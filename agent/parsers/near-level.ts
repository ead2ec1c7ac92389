/**
 * Levels that stand somewhere behind a time: `[main] app.Cart ERROR no stock`, `pool-1 - [warn] slow`, `local.ERROR: no stock`. Words in
 * capitals count; in small letters only those that brackets, bars or a colon show to be no prose.
 */
import { LEVEL_INDEX } from "../../shared/aggregates/aggregate.ts";
import { colourEnd, ESCAPE } from "./print-colours.ts";

const SPACE = 0x20;
const COLON = 0x3a;
const DOT = 0x2e;
const LINE_FEED = 0x0a;
/** How far a level may stand from where the search begins, in bytes and words. */
const NEAR_BYTES_MAX = 128;
const NEAR_WORDS_MAX = 8;
const WORD_BYTES_MIN = 3;
const WORD_BYTES_MAX = 12;
const BEGINS = flags("[(<|\"':;,=-.");
const ENDS = flags("])>|\"':;,-");

function flags(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of Buffer.from(characters)) table[byte] = 1;
  return table;
}

/** Position in LEVELS of the first level within a few words from `from`; OTHER when there is none. `levelOf` says what a word of the buffer is. */
export function nearLevel(
  buffer: Buffer,
  from: number,
  to: number,
  levelOf: (from: number, to: number) => number,
): number {
  const limit = Math.min(to, from + NEAR_BYTES_MAX);
  let wordCount = 0;
  let mayBegin = true;
  for (let at = from; at < limit; at++) {
    const byte = buffer[at] ?? 0;
    if (byte === LINE_FEED || (byte === SPACE && ++wordCount >= NEAR_WORDS_MAX)) break;
    if (byte === ESCAPE) {
      at = colourEnd(buffer, at, to);
      mayBegin = true;
    } else if (mayBegin && isLetter(byte)) {
      const end = wordEnd(buffer, at, to);
      if (isLevelLike(buffer, at, end, to)) {
        const level = levelOf(at, end);
        if (level !== LEVEL_INDEX.OTHER) return level;
      }
      at = end - 1;
      mayBegin = false;
    } else mayBegin = byte <= SPACE || BEGINS[byte] === 1;
  }
  return LEVEL_INDEX.OTHER;
}

function wordEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && isLetter(buffer[at] ?? 0)) at++;
  return at;
}

function isLevelLike(buffer: Buffer, start: number, end: number, to: number): boolean {
  if (end - start < WORD_BYTES_MIN || end - start > WORD_BYTES_MAX) return false;
  const next = end < to ? (buffer[end] ?? 0) : SPACE;
  if (next > SPACE && next !== ESCAPE && ENDS[next] !== 1) return false;
  const before = start > 0 ? (buffer[start - 1] ?? 0) : SPACE;
  // `local.ERROR: …` is a level, the end of a sentence none.
  if (before === DOT && next !== COLON) return false;
  if (isUpperCase(buffer, start, end) || next === COLON) return true;
  return next > SPACE && BEGINS[before] === 1;
}

function isUpperCase(buffer: Buffer, from: number, to: number): boolean {
  for (let at = from; at < to; at++) if ((buffer[at] ?? 0) > 0x5a) return false;
  return true;
}

function isLetter(byte: number): boolean {
  const upper = byte & ~0x20;
  return upper >= 0x41 && upper <= 0x5a;
}
