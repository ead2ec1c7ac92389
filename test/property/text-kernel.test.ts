import { describe, expect, it } from "vitest";
import { TEXT_KERNEL_FORMATS, type TextKernelFormat } from "./odd-text-lines.ts";
import { findTextDifference, textCase, textDifferenceText } from "./text-kernel-difference.ts";

const isLong = process.env["TAILRACE_LONG"] === "1";
const CASE_COUNT = isLong ? 2000 : 60;

describe("the kernel for lines of text", () => {
  it.each<TextKernelFormat>([...TEXT_KERNEL_FORMATS])(
    "counts nasty lines of %s as the parser does",
    { timeout: 600_000 },
    (format) => {
      for (let seed = 1; seed <= CASE_COUNT; seed++) {
        const difference = findTextDifference(textCase(seed, format));
        if (difference !== undefined) expect.fail(textDifferenceText(difference));
      }
    },
  );
});
