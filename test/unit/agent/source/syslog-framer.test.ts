import { describe, expect, it } from "vitest";
import { SyslogFramer } from "../../../../agent/source/syslog-framer.ts";

/** What a framer found in pieces: messages, `>n` for those too long, `-n` for those cut off. */
function framed(pieces: readonly string[], isWhole = true, bytesMax = 20): string[] {
  const found: string[] = [];
  const framer = new SyslogFramer(bytesMax, {
    message: (bytes) => found.push(bytes.toString()),
    tooLong: (bytes) => found.push(`>${bytes}`),
    cutOff: (bytes) => found.push(`-${bytes}`),
  });
  for (const piece of pieces) framer.push(Buffer.from(piece));
  framer.end(isWhole);
  return found;
}

/** A text in pieces of `length`. */
function pieces(text: string, length: number): string[] {
  return text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? [];
}

describe("syslog in a stream", () => {
  it("is framed by lengths or by line feeds, message by message, wherever the pieces end", () => {
    const text = "5 <13>a3 <1<13>line\n6 <1>x\ny<13>end";
    const expected = ["<13>a", "<1<", "13>line", "<1>x\ny", "<13>end"];
    for (let length = 1; length <= text.length; length++) {
      expect(framed(pieces(text, length)), `${length}`).toEqual(expected);
    }
  });

  it("drops what is too long without holding it, and goes on behind", () => {
    const long = "x".repeat(30);
    const text = `<1>${long}\n30 ${long}4 <1>a<1>b\n`;
    for (let length = 1; length <= text.length; length++) {
      expect(framed(pieces(text, length)), `${length}`).toEqual([">34", ">33", "<1>a", "<1>b"]);
    }
  });

  it("tells what was cut off when the connection broke, and what its sender ended", () => {
    expect(framed(["<13>ab"], true)).toEqual(["<13>ab"]);
    expect(framed(["<13>ab"], false)).toEqual(["-6"]);
    expect(framed(["9 <13>ab"], true)).toEqual(["-8"]);
    expect(framed([`<1>${"x".repeat(30)}`], true)).toEqual([">33"]);
    expect(framed(["12"], true)).toEqual(["-2"]);
  });

  it("takes numbers that are no lengths for text", () => {
    expect(framed(["0 a\n", "12345678901 b\n", "7x\n"])).toEqual(["0 a", "12345678901 b", "7x"]);
  });
});
