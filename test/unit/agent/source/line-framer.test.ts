import { expect, test } from "vitest";
import { LineFramer } from "../../../../agent/source/line-framer.ts";

function framed(text: string, length: number, lineBytesMax: number): string {
  let found = "";
  const framer = new LineFramer(lineBytesMax, {
    lines: (bytes) => {
      found += bytes.toString();
    },
    tooLong: (bytes) => {
      found += `>${bytes}\n`;
    },
  });
  for (const piece of text.match(new RegExp(`[^]{1,${length}}`, "g")) ?? []) {
    framer.push(Buffer.from(piece));
  }
  framer.end();
  expect(framer.unfinishedBytes).toBe(0);
  return found;
}

test("a stream is cut into whole lines wherever its pieces end, and long lines are dropped", () => {
  const text = "a\n\nbcd\n12345678901\nef\n1234567890\nend";
  for (let length = 1; length <= text.length; length++) {
    expect(framed(text, length, 10), `${length}`).toBe("a\n\nbcd\n>12\nef\n1234567890\nend\n");
  }
  expect(framed("x".repeat(50), 7, 10)).toBe(">50\n");
});
