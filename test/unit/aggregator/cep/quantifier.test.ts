import { describe, expect, it } from "vitest";
import { compilePattern } from "../../../../aggregator/cep/compile.ts";
import type { Pattern, Stage } from "../../../../aggregator/cep/pattern.ts";
import { checkPattern } from "../../../../aggregator/cep/quantifier.ts";

const first: Stage = { name: "a", where: "type == 'A'" };

function faults(stage: Partial<Stage>, rest: Partial<Pattern> = {}, before: Stage = first) {
  const stages: Stage[] = [before, { name: "b", contiguity: "next", ...stage }];
  return checkPattern({ stages, ...rest }).map(({ path, message }) => [path.join("."), message]);
}

const LOOP = { min: 1, max: null };

describe("a pattern is refused", () => {
  it.each<[Partial<Stage>, string, RegExp]>([
    [{ name: "a" }, "stages.1.name", /another stage is called `a`/],
    [{ until: "v > 3" }, "stages.1.until", /only a loop/],
    [{ until: "v > 3", times: { min: 2, max: 2 } }, "stages.1.until", /only a loop/],
    [{ distinct: "user" }, "stages.1.distinct", /only a stage with `times`/],
    [{ leak: 1_000, times: { min: 2, max: 2 } }, "stages.1.leak", /the only one of its rule/],
    [{ greedy: true }, "stages.1.greedy", /only a stage with `times`/],
    [{ consecutive: true }, "stages.1.consecutive", /use `contiguity: next`/],
    [{ allowCombinations: true }, "stages.1.allowCombinations", /use followedByAny/],
    [
      { consecutive: true, allowCombinations: true, times: LOOP },
      "stages.1.allowCombinations",
      /exclude each other/,
    ],
    [{ greedy: true, allowCombinations: true, times: LOOP }, "stages.1.greedy", /contradict/],
    [{ times: { min: 0, max: 0 } }, "stages.1.times.max", /at least 1/],
    [{ times: { min: 0, max: null } }, "stages.1.times.min", /`optional: true`/],
    [{ times: { min: 3, max: 2 } }, "stages.1.times.max", /at least 3/],
    [{ times: { min: 0, max: 2 }, optional: true }, "stages.1.optional", /optional already/],
    [{ contiguity: "notNext", times: LOOP }, "stages.1.times", /one forbidden event is enough/],
    [{ contiguity: "notNext", optional: true }, "stages.1.optional", /cannot be optional/],
    [{ contiguity: "notNext", greedy: true }, "stages.1.greedy", /takes nothing/],
    [{ contiguity: "notFollowedBy" }, "stages.1.contiguity", /add `within`/],
  ])("for %j", (stage, path, message) => {
    const found = faults(stage);
    expect(found).toHaveLength(1);
    expect(found[0]?.[0]).toBe(path);
    expect(found[0]?.[1]).toMatch(message);
  });

  it("when a stage cannot stand where it stands", () => {
    expect(faults({ contiguity: "notNext" }, {}, { ...first, optional: true })).toMatchObject([
      ["stages.1.contiguity", expect.stringMatching(/two rules/)],
    ]);
    expect(faults({ optional: true }, {}, { ...first, times: LOOP, greedy: true })).toMatchObject([
      ["stages.1.optional", expect.stringMatching(/greedy `a`/)],
    ]);
    expect(faults({}, {}, { ...first, contiguity: "next" })).toMatchObject([
      ["stages.0.contiguity", expect.stringMatching(/follows nothing/)],
    ]);
    const { faults: found } = compilePattern({ stages: [first, { name: "b" }] });
    expect(found).toMatchObject([{ path: ["stages", 1, "contiguity"] }]);
  });

  it("when it skips to nowhere", () => {
    expect(faults({}, { skip: "skipToFirst" })).toMatchObject([["skip", expect.any(String)]]);
    expect(faults({}, { skip: "skipToLast", skipStage: "z" })).toMatchObject([
      ["skipStage", "no stage is called `z`; known stages: a, b"],
    ]);
  });

  it("when a condition does not parse, with all other faults", () => {
    const stages: Stage[] = [
      { ...first, where: ["v > 1", "v >"] },
      { name: "a", or: "(" },
    ];
    const { faults: found } = compilePattern({ stages });
    expect(found?.map(({ path }) => path.join("."))).toEqual([
      "stages.1.name",
      "stages.1.contiguity",
      "stages.0.where",
      "stages.1.or",
    ]);
  });
});

describe("a pattern is taken", () => {
  it("when not-stages are skip targets or end it in time", () => {
    expect(faults({ contiguity: "notFollowedBy" }, { within: 1000 })).toEqual([]);
    expect(
      faults({ contiguity: "notNext" }, { skip: "skipToFirst", skipStage: "b", within: 1000 }),
    ).toEqual([]);
  });
});

describe("a stage that leaks", () => {
  const times = { min: 6, max: 6 };
  const leaking = (stage: Partial<Stage>, rest: Partial<Pattern> = {}) =>
    checkPattern({ stages: [{ ...first, leak: 10_000, ...stage }], ...rest }).map(({ path }) =>
      path.join("."),
    );

  it("has a fixed number, and nothing that says otherwise how long or how often", () => {
    expect(leaking({ times, distinct: "user" })).toEqual([]);
    expect(leaking({})).toEqual(["stages.0.times"]);
    expect(leaking({ times: { min: 1, max: 6 } })).toEqual(["stages.0.times"]);
    expect(leaking({ times, consecutive: true })).toEqual(["stages.0.consecutive"]);
    expect(leaking({ times, optional: true })).toEqual(["stages.0.optional"]);
    expect(leaking({ times }, { within: 1_000, skip: "skipToNext" })).toEqual(["within", "skip"]);
  });
});
