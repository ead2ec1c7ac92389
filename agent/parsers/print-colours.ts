/** Colours that programs print for terminals (ECMA-48, 8.3.117), which end up in files. */

/** The byte that every colour begins with. */
export const ESCAPE = 0x1b;

/** Position of the last byte of a colour, or another way to print, that begins at `from`; `from` when none does. */
export function colourEnd(buffer: Buffer, from: number, to: number): number {
  let at = from + 1;
  if (at >= to || buffer[at] !== 0x5b) return from;
  while (at + 1 < to && (buffer[at + 1] ?? 0) < 0x40) at++;
  return Math.min(at + 1, to - 1);
}

/** The line without its colours. */
export function withoutColours(line: Buffer): Buffer {
  const plain = Buffer.alloc(line.length);
  let length = 0;
  for (let at = 0; at < line.length; at++) {
    const end = line[at] === ESCAPE ? colourEnd(line, at, line.length) : at;
    if (end > at) at = end;
    else plain[length++] = line[at] ?? 0;
  }
  return plain.subarray(0, length);
}
