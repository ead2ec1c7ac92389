import { describe, expect, test } from "vitest";
import type { PartCount } from "../../../../agent/scan/count-parts.ts";
import type { ScanPart } from "../../../../agent/scan/scan-plan.ts";
import { countsByInput, reportInput } from "../../../../agent/scan/scan-report.ts";

function count(part: number, changes: Partial<PartCount> = {}): PartCount {
  return { part, lineCount: 10, rejected: [], choice: undefined, fault: undefined, ...changes };
}

describe("the report of an input", () => {
  const input = { path: "-", isAuto: false, choice: undefined };

  test("numbers rejected lines through all parts", () => {
    const first = { rejected: [{ reason: "no_time", lines: 1, examples: [10] }] };
    const second = {
      rejected: [
        { reason: "not_json", lines: 4, examples: [1, 2, 5] },
        { reason: "no_time", lines: 3, examples: [3, 4, 6] },
      ],
    };
    const report = reportInput(input, [count(0, first), count(1, second), count(2)]);
    expect(report).toEqual({
      isWhole: true,
      lines: [
        "standard input: 8 of 30 lines rejected: 4 no_time (lines 10, 13, 14, …), 4 not_json (lines 11, 12, 15, …)",
      ],
    });
  });

  test("says what could not be read before what was found", () => {
    const choice = { format: "json", lines: 9, sampled: 10, isFinal: false } as const;
    const counts = [count(0, { choice, fault: "there is no such file" })];
    expect(reportInput({ ...input, path: "a.log", isAuto: true }, counts)).toEqual({
      isWhole: false,
      lines: [
        "a.log: cannot be read: there is no such file",
        "a.log: read as json, which fits 9 of the first 10 events",
      ],
    });
  });

  test("says nothing of a format where there are no lines, or nobody asked", () => {
    const empty = count(0, { lineCount: 0 });
    expect(reportInput({ ...input, isAuto: true }, [empty]).lines).toEqual([]);
    expect(reportInput(input, [count(0)]).lines).toEqual([]);
  });
});

test("counts are sorted by inputs and parts, whoever was first", () => {
  const part = (input: number): ScanPart => ({
    ...{ input, path: "a", format: "json", range: undefined },
  });
  const counts = [count(2), count(0), count(1)];
  const byInput = countsByInput([part(0), part(1), part(0)], counts);
  expect([...byInput]).toEqual([
    [0, [count(0), count(2)]],
    [1, [count(1)]],
  ]);
});
