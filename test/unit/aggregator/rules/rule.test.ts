import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { loadRules } from "../../../../aggregator/rules/load-rules.ts";

const cases = gunzipSync(
  readFileSync(join(import.meta.dirname, "../../../golden/cep/cases.ndjson.gz")),
)
  .toString("utf8")
  .trim()
  .split("\n")
  .filter((line) => line.includes('"malformed"'))
  .map((line) => z.object({ id: z.string(), pattern: z.looseObject({}) }).parse(JSON.parse(line)));

/** As the rule of the case's pattern would stand in a file. */
function faultsOf(pattern: object): string[] {
  const rule = {
    ...pattern,
    name: "sample",
    summary: "A sample.",
    stream: "events",
    alert: { type: "SAMPLE", severity: "info", message: "Seen." },
  };
  const { faults } = loadRules([{ file: "r.yaml", text: stringify(rule) }]);
  return (faults ?? []).map(({ line, column, path, message }) =>
    [`${line}:${column}`, `${path}:`, message].join(" "),
  );
}

/** By case. */
const EXPECTED = {
  "notFollowedBy-last-without-within": [
    "8:17 stages[1].contiguity: that an event never comes can be told only after a time; add `within` to the rule, got `notFollowedBy`",
  ],
  "optional-then-notNext": [
    "12:17 stages[2].contiguity: `b` before it is optional, which no not-stage can follow; write two rules, one with `b` and one without it, got `notNext`",
  ],
  "optional-then-notFollowedBy": [
    "12:17 stages[2].contiguity: `b` before it is optional, which no not-stage can follow; write two rules, one with `b` and one without it, got `notFollowedBy`",
  ],
  "duplicate-names": [
    "7:11 stages[1].name: another stage is called `a`; give each its own name, got `a`",
  ],
  "until-on-single": [
    "10:12 stages[1].until: only a loop has an end to name: use `times: {min: 1, max: null}`, or drop it, got `v > 3`",
  ],
  "until-on-times": [
    "13:12 stages[1].until: only a loop has an end to name: use `times: {min: 1, max: null}`, or drop it, got `v > 3`",
  ],
  "greedy-on-single": [
    "10:13 stages[1].greedy: only a stage with `times` can be greedy; add `times: {min: 1, max: null}` or drop it, got true",
  ],
  "consecutive-on-single": [
    "10:18 stages[1].consecutive: only a stage with `times` can be consecutive; use `contiguity: next`, got true",
  ],
  "combinations-on-single": [
    "10:24 stages[1].allowCombinations: only a stage with `times` has combinations; use followedByAny, got true",
  ],
  "consecutive-and-combinations": [
    "14:24 stages[1].allowCombinations: `consecutive` and `allowCombinations` exclude each other; drop one, got true",
  ],
  "greedy-and-combinations": [
    "14:13 stages[1].greedy: `greedy` and `allowCombinations` contradict each other; drop one, got true",
  ],
  "optional-after-greedy": [
    "14:15 stages[1].optional: an optional stage cannot follow the greedy `a`; drop `greedy` there or `optional` here, got true",
  ],
  "times-0": [
    "9:12 stages[0].times.max: expected at least 1; for what must not come use notFollowedBy, got the number 0",
  ],
  "timesOrMore-0": [
    "8:12 stages[0].times.min: an open range begins at 1; write {min: 1, max: null} and `optional: true`, got the number 0",
  ],
  "times-3-2": [
    "9:12 stages[0].times.max: expected at least 3, the `min` beside it, got the number 2",
  ],
  "times-on-not": [
    "11:7 stages[1].times: a not-stage has no `times`; one forbidden event is enough to end the match, got keys and values",
  ],
  "optional-on-not": [
    "10:15 stages[1].optional: a not-stage cannot be optional; leave it out instead, got true",
  ],
  "greedy-on-not": [
    "10:13 stages[1].greedy: a not-stage takes nothing, so it cannot be greedy; drop it, got true",
  ],
  "skip-stage-unknown": ["10:12 skipStage: no stage is called `zz`; known stages: a, b, got `zz`"],
};

describe("a rule whose pattern Flink refuses", () => {
  it("is refused with the place and what to write instead", () => {
    const told = cases.map(({ id, pattern }) => [id.replace("malformed-", ""), faultsOf(pattern)]);
    expect(Object.fromEntries(told)).toEqual(EXPECTED);
  });
});
