/** `node test/golden/peers/table.ts` writes `parser-vectors.md`: how the parsers compare with the tests of other tools. */
import { writeFileSync } from "node:fs";
import { readReasons, readVectors, runVector } from "./vectors.ts";

/** The page as it should be. */
export function vectorTable(): string {
  const reasons = readReasons();
  const rows = new Map<string, { cases: number; same: number; deliberate: number }>();
  const apart = new Map<string, number>();
  for (const vector of readVectors()) {
    const outcome = runVector(vector);
    if (outcome === undefined) {
      apart.set(vector.parser, (apart.get(vector.parser) ?? 0) + 1);
      continue;
    }
    const row = rows.get(outcome.format) ?? { cases: 0, same: 0, deliberate: 0 };
    rows.set(outcome.format, row);
    row.cases++;
    if (outcome.differences.length === 0) row.same++;
    else if (reasons.has(outcome.case)) row.deliberate++;
  }
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`;
  const lines = [...rows].toSorted().map(([format, { cases, same, deliberate }]) => {
    const rate = cases === deliberate ? "" : percent(same, cases - deliberate);
    return `| ${format} | ${cases} | ${same} | ${deliberate} | ${rate} |`;
  });
  const counts = [...apart].toSorted(
    (left, right) => right[1] - left[1] || (left[0] < right[0] ? -1 : 1),
  );
  const several = counts
    .filter(([, count]) => count > 1)
    .map(([name, count]) => `${name} ${count}`);
  return [
    "# Test vectors of other tools",
    "",
    "Made by `node test/golden/peers/table.ts`; a test keeps it fresh. A case is an input of another tool's own test. It is *same* when every value",
    "that the producer's test expects is in the event; *on purpose* when it differs for a reason that stands in `differences.json`. The rate is that of",
    "the cases that are not different on purpose.",
    "",
    "| format | cases | same | on purpose | rate |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
    "Not compared, because the lines are of programs that have no format here, say nothing in neutral names, or are the business of a source (framing,",
    `joining of lines, character sets): ${several.join(", ")}, and one case each of ${counts.length - several.length} others.`,
    "",
  ].join("\n");
}

if (import.meta.main) writeFileSync(new URL("parser-vectors.md", import.meta.url), vectorTable());
