import { describe, expect, it } from "vitest";
import { TEXT_KERNEL_FORMATS, type TextKernelFormat } from "./odd-text-lines.ts";
import { findTextDifference, textCase, textDifferenceText } from "./text-kernel-difference.ts";
import { plantTextFault, type TextFault, textFaults } from "./text-kernel-faults.ts";

const isLong = process.env["TAILRACE_LONG"] === "1";
const CASE_COUNT = isLong ? 500 : 12;
/** Faults that are found early. */
const QUICK_FAULTS = ["status 499 is an error", "zones ahead are zones behind"];

describe("the kernel for lines of text", () => {
  it.each<TextKernelFormat>([...TEXT_KERNEL_FORMATS])(
    "counts nasty lines of %s as the parser does",
    { timeout: 1_200_000 },
    (format) => {
      for (let seed = 1; seed <= CASE_COUNT; seed++) {
        const difference = findTextDifference(textCase(seed, format));
        if (difference !== undefined) expect.fail(textDifferenceText(difference));
      }
    },
  );
});

describe("the nasty lines of text", () => {
  const faults = textFaults.filter(({ name }) => isLong || QUICK_FAULTS.includes(name));
  it.each<TextFault>(faults)(
    "find the planted fault: $name",
    { timeout: 600_000 },
    async (fault) => {
      expect(await plantTextFault(fault)).toBeDefined();
    },
  );
});
