import type { FormatChoice } from "../parsers/auto.ts";
import type { PartCount } from "./count-parts.ts";
import { describeChoice } from "./format-choice.ts";
import { STDIN_NAME } from "./read-input.ts";
import { RejectedLines } from "./rejected-lines.ts";
import type { ScanPart } from "./scan-plan.ts";

/** What there is to say about one input of a scan beside its windows. */
export interface InputReport {
  /** For people. */
  readonly lines: readonly string[];
  /** False when it could not be read to its end. */
  readonly isWhole: boolean;
}

/** What is known of an input before it is counted. */
export interface ReportedInput {
  readonly path: string;
  readonly isAuto: boolean;
  /** What `auto` found out before; undefined: the counts say it. */
  readonly choice: FormatChoice | undefined;
}

/** Puts together what was found in the parts of one input, given in the input's order. */
export function reportInput(input: ReportedInput, counts: readonly PartCount[]): InputReport {
  const name = input.path === STDIN_NAME ? "standard input" : input.path;
  const rejected = new RejectedLines();
  const lines: string[] = [];
  let lineCount = 0;
  let isWhole = true;
  for (const part of counts) {
    rejected.addPart(part.rejected, lineCount);
    lineCount += part.lineCount;
    if (part.fault === undefined) continue;
    isWhole = false;
    lines.push(`${name}: cannot be read: ${part.fault}`);
  }
  if (input.isAuto && lineCount > 0) {
    const choice = input.choice ?? counts[0]?.choice;
    lines.push(`${name}: ${describeChoice(choice)}`);
  }
  if (rejected.count > 0) {
    const said = `${rejected.count} of ${lineCount} lines rejected: ${rejected.describe()}`;
    lines.push(`${name}: ${said}`);
  }
  return { lines, isWhole };
}

/** The counts of each input's parts in the order of the parts, whatever order they come in. */
export function countsByInput(
  parts: readonly ScanPart[],
  counts: readonly PartCount[],
): Map<number, PartCount[]> {
  const byInput = new Map<number, PartCount[]>();
  for (const count of counts.toSorted((a, b) => a.part - b.part)) {
    const input = parts[count.part]?.input ?? 0;
    const known = byInput.get(input);
    if (known === undefined) byInput.set(input, [count]);
    else known.push(count);
  }
  return byInput;
}
