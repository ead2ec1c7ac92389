import { expect, test } from "vitest";
import { RejectedLines } from "../../../../agent/scan/rejected-lines.ts";

test("rejected lines are summed up by reason, the most frequent first, with a few line numbers", () => {
  const rejected = new RejectedLines();
  let asked = 0;
  rejected.add("no_time", () => 1);
  for (let line = 2; line < 8; line++) {
    rejected.add("not_json", () => {
      asked++;
      return line;
    });
  }
  expect(rejected.count).toBe(7);
  expect(asked).toBe(3);
  expect(rejected.describe()).toBe("6 not_json (lines 2, 3, 4, …), 1 no_time (line 1)");
});

test("parts follow each other: their line numbers go on, and only the first ones of all are kept", () => {
  const parts = [1, 2, 3].map(() => {
    const part = new RejectedLines();
    part.add("not_json", () => 2);
    part.add("not_json", () => 3);
    return part;
  });
  parts[2]?.add("no_time", () => 4);
  const whole = new RejectedLines();
  for (const [index, part] of parts.entries()) whole.addPart(part.tallies, 10 * index);
  expect(whole.tallies).toEqual([
    { reason: "not_json", lines: 6, examples: [2, 3, 12] },
    { reason: "no_time", lines: 1, examples: [24] },
  ]);
});
