/** The structured data of RFC 5424 (section 6.3): `[id name="value" …][id …]` or `-`. */

const SPACE = 0x20;
const QUOTE = 0x22;
const DASH = 0x2d;
const EQUALS = 0x3d;
const OPEN = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE = 0x5d;
const DELETE = 0x7f;
/** Longest name (SD-NAME). */
const NAME_BYTES_MAX = 32;

/** Structured data by id and name. */
export type StructuredData = Map<string, Map<string, string>>;

/** Where the structured data at `from` ends; -1 when there is none. With `target` its values are put there. */
export function structuredDataEnd(
  buffer: Buffer,
  from: number,
  to: number,
  target?: StructuredData,
): number {
  if (from < to && buffer[from] === DASH) return from + 1;
  let at = from;
  while (at < to && buffer[at] === OPEN) {
    const idTo = nameEnd(buffer, at + 1, to);
    if (idTo < 0) return -1;
    let values: Map<string, string> | undefined;
    if (target !== undefined) {
      const id = buffer.toString("utf8", at + 1, idTo);
      // An id may not occur twice, but where it does nothing is lost.
      values = target.get(id) ?? new Map();
      target.set(id, values);
    }
    at = parametersEnd(buffer, idTo, to, values);
    if (at < 0) return -1;
  }
  return at > from ? at : -1;
}

/** Where an element ends whose parameters begin at `from`, its bracket included; -1 when it does not. */
function parametersEnd(
  buffer: Buffer,
  from: number,
  to: number,
  target: Map<string, string> | undefined,
): number {
  let at = from;
  while (at < to && buffer[at] === SPACE) {
    const nameTo = nameEnd(buffer, at + 1, to);
    if (nameTo < 0 || buffer[nameTo] !== EQUALS) return -1;
    // Some write a space before the value.
    let valueFrom = nameTo + 1;
    while (valueFrom < to && buffer[valueFrom] === SPACE) valueFrom++;
    if (buffer[valueFrom++] !== QUOTE) return -1;
    const close = valueEnd(buffer, valueFrom, to);
    if (close < 0) return -1;
    if (target !== undefined) {
      const value = buffer.toString("utf8", valueFrom, close).replace(/\\(["\\\]])/g, "$1");
      target.set(buffer.toString("utf8", at + 1, nameTo), value);
    }
    at = close + 1;
  }
  return at < to && buffer[at] === CLOSE ? at + 1 : -1;
}

/** Where a name ends; -1 when it is empty or too long. */
function nameEnd(buffer: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const byte = buffer[at] ?? 0;
    if (byte <= SPACE || byte >= DELETE || byte === EQUALS || byte === CLOSE || byte === QUOTE)
      break;
    at++;
  }
  return at === from || at - from > NAME_BYTES_MAX ? -1 : at;
}

/** The position of the quote that ends a value; -1 when there is none. A closing bracket must be escaped, as in the RFC. */
function valueEnd(buffer: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = buffer[at];
    if (byte === QUOTE) return at;
    if (byte === CLOSE) return -1;
    if (byte === BACKSLASH) at++;
  }
  return -1;
}
