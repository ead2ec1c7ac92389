/**
 * What tools write before the lines of a log when they show several: the name of a file, a container or a pod.
 *
 *     web-1  | 2026-11-20 …              docker compose
 *     [pod/web-1/app] 2026-11-20 …       kubectl logs --prefix
 *     app.log:2026-11-20 …               grep; with a space instead of the colon: collections of logs
 */

const SPACE = 0x20;
const DOT = 0x2e;
const COLON = 0x3a;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const BAR = 0x7c;
/** Longer prefixes are none. */
const PREFIX_BYTES_MAX = 160;
const POD = Buffer.from("[pod/");
const LOG = Buffer.from(".log");

/** Where the line itself begins; `from` when nothing stands before it. */
export function linePrefixEnd(buffer: Buffer, from: number, to: number): number {
  const limit = Math.min(to, from + PREFIX_BYTES_MAX);
  let at = from;
  for (; at < limit; at++) {
    const byte = buffer[at] ?? 0;
    if (byte <= SPACE) break;
    if (byte === DOT && isAt(buffer, at, limit, LOG)) return fileNameEnd(buffer, at, limit, from);
  }
  if (at === from || at >= limit || buffer[at] !== SPACE) return from;
  if (buffer[from] === OPEN && buffer[at - 1] === CLOSE) {
    return isAt(buffer, from, at, POD) ? at + 1 : from;
  }
  while (at < limit && buffer[at] === SPACE) at++;
  return buffer[at] === BAR && buffer[at + 1] === SPACE && at + 2 <= to ? at + 2 : from;
}

/** Where a name such as `app.log.1`, whose ending begins at `at`, and the colon or space behind it end; `from` when nothing does. */
function fileNameEnd(buffer: Buffer, at: number, limit: number, from: number): number {
  const end = at + LOG.length;
  if (end < limit && buffer[end] === COLON) return end + 1;
  let space = end;
  while (space < limit && (buffer[space] ?? 0) > SPACE) space++;
  return space < limit ? space + 1 : from;
}

function isAt(buffer: Buffer, from: number, to: number, text: Buffer): boolean {
  if (from + text.length > to) return false;
  for (let index = 0; index < text.length; index++) {
    if (buffer[from + index] !== text[index]) return false;
  }
  return true;
}
