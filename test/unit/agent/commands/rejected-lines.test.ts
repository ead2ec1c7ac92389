import { expect, test } from "vitest";
import { RejectedLines } from "../../../../agent/commands/rejected-lines.ts";

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
