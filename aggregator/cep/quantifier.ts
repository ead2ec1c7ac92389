import type { Pattern, PatternFault, Stage } from "./pattern.ts";

/** How events that do not fit are treated (Flink's `Quantifier.ConsumingStrategy`). */
export type Strategy = "strict" | "skipTillNext" | "skipTillAny" | "notFollow" | "notNext";

/** How often a stage takes events and what may lie between them (Flink's `Quantifier` and `Times`). */
export interface Quantifier {
  readonly kind: "single" | "times" | "looping";
  /** Towards the stage before. */
  readonly strategy: Strategy;
  /** Between the events of the stage. */
  readonly innerStrategy: "strict" | "skipTillNext" | "skipTillAny";
  readonly from: number;
  /** The same as `from` when looping. */
  readonly to: number;
  readonly isGreedy: boolean;
  readonly isOptional: boolean;
}

const STRATEGIES = {
  next: "strict",
  followedBy: "skipTillNext",
  followedByAny: "skipTillAny",
  notNext: "notNext",
  notFollowedBy: "notFollow",
} as const;

/** The quantifier of a stage; sensible only when {@link checkPattern} finds no fault. */
export function quantifierOf(stage: Stage): Quantifier {
  const { times } = stage;
  const from = Math.max(1, times?.min ?? 1);
  return {
    kind: times === undefined ? "single" : times.max === null ? "looping" : "times",
    strategy: STRATEGIES[stage.contiguity ?? "next"],
    innerStrategy:
      stage.consecutive === true
        ? "strict"
        : stage.allowCombinations === true
          ? "skipTillAny"
          : "skipTillNext",
    from,
    to: times?.max ?? from,
    isGreedy: stage.greedy === true,
    isOptional: stage.optional === true || times?.min === 0,
  };
}

/** States whether a stage forbids events instead of taking them. */
export function isNegated(stage: Stage | undefined): boolean {
  return stage?.contiguity === "notNext" || stage?.contiguity === "notFollowedBy";
}

/**
 * Everything that Flink's `Pattern`, `Quantifier` and `NFACompiler` refuse (MalformedPatternException, IllegalArgumentException,
 * UnsupportedOperationException), all at once, each with what to write instead.
 */
export function checkPattern(pattern: Pattern): PatternFault[] {
  const faults: PatternFault[] = [];
  const names = new Set<string>();
  for (const [index, stage] of pattern.stages.entries()) {
    const tell = (key: string, message: string) =>
      faults.push({ path: ["stages", index, ...key.split(".")], message });
    if (names.has(stage.name)) {
      tell("name", `another stage is called \`${stage.name}\`; give each its own name`);
    }
    names.add(stage.name);
    checkPlace(stage, pattern.stages[index - 1], tell);
    checkTimes(stage, tell);
    checkFlags(stage, tell);
    if (stage.distinct !== undefined && (stage.times === undefined || isNegated(stage))) {
      tell("distinct", "only a stage with `times` has several events to tell apart; drop it");
    }
  }
  checkBucket(pattern, faults);
  checkEnd(pattern, faults);
  checkSkip(pattern, names, faults);
  return faults;
}

type Tell = (key: string, message: string) => void;

function checkPlace(stage: Stage, before: Stage | undefined, tell: Tell): void {
  if (before === undefined) {
    if (stage.contiguity !== undefined) {
      tell("contiguity", "the first stage follows nothing; leave `contiguity` out");
    }
    return;
  }
  if (stage.contiguity === undefined) {
    tell(
      "contiguity",
      "missing: expected one of next, followedBy, followedByAny, notNext, notFollowedBy",
    );
  }
  if (isNegated(stage) && quantifierOf(before).isOptional) {
    tell(
      "contiguity",
      `\`${before.name}\` before it is optional, which no not-stage can follow; write two rules, one with \`${before.name}\` and one without it`,
    );
  }
  // `times` from 0 is let through there as in Flink, although it means the same.
  if (stage.optional === true && before.greedy === true) {
    tell(
      "optional",
      `an optional stage cannot follow the greedy \`${before.name}\`; drop \`greedy\` there or \`optional\` here`,
    );
  }
}

function checkTimes(stage: Stage, tell: Tell): void {
  const { times } = stage;
  if (times === undefined) return;
  if (isNegated(stage)) {
    tell("times", "a not-stage has no `times`; one forbidden event is enough to end the match");
  } else if (times.max === 0) {
    tell("times.max", "expected at least 1; for what must not come use notFollowedBy");
  } else if (times.max === null && times.min === 0) {
    tell("times.min", "an open range begins at 1; write {min: 1, max: null} and `optional: true`");
  } else if (times.max !== null && times.max < times.min) {
    tell("times.max", `expected at least ${times.min}, the \`min\` beside it`);
  }
}

function checkFlags(stage: Stage, tell: Tell): void {
  const isSingle = stage.times === undefined;
  if (stage.optional === true && isNegated(stage)) {
    tell("optional", "a not-stage cannot be optional; leave it out instead");
  }
  if (stage.optional === true && stage.times?.min === 0) {
    tell("optional", "`times` from 0 is optional already; drop one of them");
  }
  if (stage.greedy === true && isNegated(stage)) {
    tell("greedy", "a not-stage takes nothing, so it cannot be greedy; drop it");
  } else if (stage.greedy === true && isSingle) {
    tell(
      "greedy",
      "only a stage with `times` can be greedy; add `times: {min: 1, max: null}` or drop it",
    );
  } else if (stage.greedy === true && stage.allowCombinations === true) {
    tell("greedy", "`greedy` and `allowCombinations` contradict each other; drop one");
  }
  if (stage.consecutive === true && isSingle) {
    tell("consecutive", "only a stage with `times` can be consecutive; use `contiguity: next`");
  }
  if (stage.allowCombinations === true && isSingle) {
    tell("allowCombinations", "only a stage with `times` has combinations; use followedByAny");
  }
  if (stage.consecutive === true && stage.allowCombinations === true) {
    tell("allowCombinations", "`consecutive` and `allowCombinations` exclude each other; drop one");
  }
  if (stage.until !== undefined && stage.times?.max !== null) {
    tell("until", "only a loop has an end to name: use `times: {min: 1, max: null}`, or drop it");
  }
}

/** What a bucket leaves no room for. */
const NOT_OF_BUCKETS = ["allowCombinations", "consecutive", "greedy", "optional", "until"] as const;

function checkBucket({ stages, within, skip }: Pattern, faults: PatternFault[]): void {
  const index = stages.findIndex(({ leak }) => leak !== undefined);
  const stage = stages[index];
  if (stage === undefined) return;
  const tell = (message: string, ...path: (string | number)[]) => faults.push({ path, message });
  if (stages.length > 1) {
    tell("a stage that leaks is the only one of its rule", "stages", index, "leak");
  }
  const { times } = stage;
  if (times === undefined || times.min !== times.max || times.min < 1) {
    tell("a stage that leaks needs a fixed number: {min: 6, max: 6}", "stages", index, "times");
  }
  for (const key of NOT_OF_BUCKETS) {
    if (stage[key] === undefined) continue;
    tell(`a stage that leaks has no \`${key}\`; drop one of them`, "stages", index, key);
  }
  if (within !== undefined) {
    tell("a stage that leaks says by `leak` how long it remembers; drop `within`", "within");
  }
  if (skip !== undefined && skip !== "noSkip") {
    tell("a stage that leaks begins anew behind a match; drop `skip`", "skip");
  }
}

function checkEnd(pattern: Pattern, faults: PatternFault[]): void {
  const last = pattern.stages.length - 1;
  if (pattern.stages[last]?.contiguity === "notFollowedBy" && pattern.within === undefined) {
    faults.push({
      path: ["stages", last, "contiguity"],
      message: "that an event never comes can be told only after a time; add `within` to the rule",
    });
  }
}

function checkSkip(pattern: Pattern, names: ReadonlySet<string>, faults: PatternFault[]): void {
  const { skip, skipStage } = pattern;
  const needsStage = skip === "skipToFirst" || skip === "skipToLast";
  if (needsStage && skipStage === undefined) {
    faults.push({ path: ["skip"], message: `${skip} needs \`skipStage\`, the stage to skip to` });
  } else if (needsStage && skipStage !== undefined && !names.has(skipStage)) {
    const known = [...names].join(", ");
    faults.push({
      path: ["skipStage"],
      message: `no stage is called \`${skipStage}\`; known stages: ${known}`,
    });
  }
}
