import type { FormatChoice } from "../parsers/auto.ts";
import { STRICTEST_FIRST } from "../parsers/registry.ts";

/** What `auto` found out about a file, and how sure it is, as half a sentence. */
export function describeChoice(choice: FormatChoice | undefined): string {
  if (choice === undefined) {
    return `no line is an event in any format that auto knows (${STRICTEST_FIRST.toSorted().join(", ")})`;
  }
  const { format, lines, sampled } = choice;
  return `read as ${format}, which fits ${lines} of the first ${sampled} events`;
}
