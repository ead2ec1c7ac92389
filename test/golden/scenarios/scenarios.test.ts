import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runScenarios } from "./scenarios.ts";
import { scenarioTable } from "./table.ts";

const outcomes = runScenarios();

describe.each(outcomes)("$case: $scenario", ({ said, differences, reason }) => {
  test("raises the alerts of its vector, each of the same events, or does not for a stated reason", () => {
    if (reason === undefined) expect([said, differences]).toEqual([expect.any(String), []]);
    else if (said !== undefined) expect(differences).not.toEqual([]);
  });
});

test("the table is fresh; `node test/golden/scenarios/table.ts` makes it anew", () => {
  const page = readFileSync(new URL("scenarios.md", import.meta.url), "utf8");
  expect(page).toBe(scenarioTable(outcomes));
});
