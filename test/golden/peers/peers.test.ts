import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { vectorTable } from "./table.ts";
import { type Outcome, readReasons, readVectors, runVector } from "./vectors.ts";

const outcomes: Outcome[] = readVectors().flatMap((vector) => runVector(vector) ?? []);
const reasons = readReasons();

describe.each(outcomes)("$case", ({ case: name, format, differences }) => {
  test(`is read by ${format} as its producer expects, or differs for a stated reason`, () => {
    if (reasons.has(name)) expect(differences).not.toEqual([]);
    else expect(differences).toEqual([]);
  });
});

test("every stated reason is one of a case", () => {
  const names = new Set(outcomes.map(({ case: name }) => name));
  expect([...reasons.keys()].filter((name) => !names.has(name))).toEqual([]);
});

test("the table is fresh; `node test/golden/peers/table.ts` makes it anew", () => {
  const page = readFileSync(new URL("parser-vectors.md", import.meta.url), "utf8");
  expect(page).toBe(vectorTable());
});
