/**
 * From a pattern to its automaton, edge for edge as Flink's `NFACompiler.NFAFactoryCompiler` does it: from the last stage to the first, so
 * that each stage knows the state it leads to (its sink). The shapes:
 *
 * - A single stage is one state: take to the sink, and ignore to itself unless the contiguity is strict. An optional one also proceeds to
 *   the sink without an event; what it then ignores goes to a twin without that edge, so that no path is walked twice.
 * - `times(a, b)` is a chain of such states, of which the last b − a may proceed past the rest.
 * - A loop is a state that takes to itself and proceeds to the sink, behind the chain of its first events.
 * - A not-stage takes nothing: notFollowedBy becomes an edge to a stop state on what follows it, or a pending state when it is the last;
 *   notNext a state that proceeds on anything else.
 * - Greedy adds "and not what the greedy stage takes" to the edges of the sink.
 */
import { createHash } from "node:crypto";
import { type Expression, parseExpression } from "../../shared/expression/parse.ts";
import { type Automaton, AutomatonState, type Bucket, type StateKind } from "./automaton.ts";
import {
  ALWAYS,
  and,
  type Condition,
  distinctCondition,
  not,
  stageCondition,
  type WrittenCondition,
} from "./condition.ts";
import type { Pattern, PatternFault, Stage } from "./pattern.ts";
import { checkPattern, type Quantifier, quantifierOf } from "./quantifier.ts";

/** An automaton, or why there is none: never both. */
export type CompiledPattern =
  | { readonly automaton: Automaton; readonly faults?: never }
  | { readonly faults: readonly PatternFault[]; readonly automaton?: never };

/** Compiles a pattern; everything that is wrong with it is told at once. */
export function compilePattern(pattern: Pattern): CompiledPattern {
  const faults = checkPattern(pattern);
  const stages = pattern.stages.map((stage, index) => readStage(stage, index, faults));
  if (faults.length > 0) return { faults };
  const bucket = bucketOf(pattern);
  const compiler = new PatternCompiler(stages, pattern.within);
  const start = bucket === undefined ? compiler.compile() : compiler.compileBucket();
  return {
    automaton: {
      states: compiler.states,
      start,
      withinMs: bucket === undefined ? pattern.within : bucket.capacity * bucket.leakMs,
      bucket,
      key: pattern.key,
      fingerprint: fingerprintOf(pattern),
      skip: {
        kind: pattern.skip ?? "noSkip",
        stage: pattern.skipStage,
        failsOnMiss: pattern.skipThrowOnMiss === true,
      },
    },
  };
}

function bucketOf({ stages: [stage] }: Pattern): Bucket | undefined {
  if (stage?.leak === undefined) return undefined;
  return { capacity: (stage.times?.min ?? 1) - 1, leakMs: stage.leak };
}

/** Raised whenever a pattern compiles into other states than before: stored partial matches name states by their number. */
const COMPILER_VERSION = 1;

/** What a rule says beside its pattern, and the order of its keys, do not matter. */
function fingerprintOf(pattern: Pattern): string {
  const { key, within, skip, skipStage, skipThrowOnMiss, stages } = pattern;
  const sorted = stages.map((stage) =>
    Object.entries(stage).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const text = JSON.stringify([
    COMPILER_VERSION,
    key,
    within,
    skip,
    skipStage,
    skipThrowOnMiss,
    sorted,
  ]);
  return createHash("sha256").update(text).digest("hex").slice(0, FINGERPRINT_DIGITS);
}

/** 64 bits: enough to tell the versions of one rule apart. */
const FINGERPRINT_DIGITS = 16;

/** A stage with its conditions read. */
interface ReadStage {
  readonly name: string;
  readonly quantifier: Quantifier;
  readonly condition: Condition;
  readonly until: Condition | undefined;
}

function readStage(stage: Stage, index: number, faults: PatternFault[]): ReadStage {
  const read = (key: "where" | "or" | "until"): WrittenCondition[] => {
    const texts = stage[key];
    return [texts ?? []].flat().flatMap((text) => {
      const expression = readExpression(text, ["stages", index, key], faults);
      return expression === undefined ? [] : [{ text, expression }];
    });
  };
  const until = read("until");
  return {
    name: stage.name,
    quantifier: quantifierOf(stage),
    condition: and(stageCondition(read("where"), read("or")), distinctCondition(stage)),
    until: until.length === 0 ? undefined : stageCondition(until, []),
  };
}

function readExpression(
  text: string,
  path: readonly (string | number)[],
  faults: PatternFault[],
): Expression | undefined {
  const { expression, fault } = parseExpression(text);
  if (fault !== undefined) {
    faults.push({
      path,
      message: `${fault.message} (at character ${fault.offset + 1})`,
    });
  }
  return expression;
}

const END_NAME = "$endState$";

class PatternCompiler {
  readonly states: AutomatonState[] = [];
  readonly #stages: readonly ReadStage[];
  readonly #withinMs: number | undefined;
  readonly #stopStates = new Map<string, AutomatonState>();
  readonly #usedNames = new Set<string>();
  /** Sinks as they were before a greedy loop with `until` narrowed their edges, by the name of the sink. */
  readonly #beforeGreedy = new Map<string, AutomatonState>();

  constructor(stages: readonly ReadStage[], withinMs: number | undefined) {
    this.#stages = stages;
    this.#withinMs = withinMs;
  }

  compile(): AutomatonState {
    let sink = this.#state(END_NAME, END_NAME, "final");
    for (let index = this.#stages.length - 1; index >= 0; index--) {
      sink = this.#stage(index, sink);
    }
    sink.isStart = true;
    return sink;
  }

  /** A single state that takes; that the bucket is full is no condition of an edge. */
  compileBucket(): AutomatonState {
    const end = this.#state(END_NAME, END_NAME, "final");
    const { name, condition } = this.#at(0);
    const holds = this.#state(name, name, "normal");
    holds.add("take", holds, condition);
    holds.add("take", end, condition);
    holds.isStart = true;
    return holds;
  }

  #stage(index: number, sink: AutomatonState): AutomatonState {
    const stage = this.#at(index);
    if (index > 0 && stage.quantifier.strategy === "notFollow") {
      return this.#withinMs !== undefined && sink.kind === "final" ? this.#pending(stage) : sink;
    }
    if (index > 0 && stage.quantifier.strategy === "notNext") return this.#notNext(stage, sink);
    return this.#taking(index, sink);
  }

  #pending(stage: ReadStage): AutomatonState {
    const pending = this.#state(stage.name, stage.name, "pending");
    pending.add("proceed", this.#stopState(stage), stage.condition);
    pending.add("ignore", pending, not(stage.condition));
    return pending;
  }

  #notNext(stage: ReadStage, sink: AutomatonState): AutomatonState {
    const state = this.#state(stage.name, stage.name, "normal");
    const stop = this.#stopState(stage);
    // Before the end it ignores instead of proceeding, so that the match comes with the event that was not the forbidden one.
    state.add(sink.kind === "final" ? "ignore" : "proceed", sink, not(stage.condition));
    state.add("proceed", stop, stage.condition);
    return state;
  }

  #taking(index: number, sink: AutomatonState): AutomatonState {
    const { quantifier } = this.#at(index);
    let first: AutomatonState;
    if (quantifier.kind === "looping") {
      const loop = this.#loop(index, this.#withoutEarlierNots(index, sink));
      first = this.#chain(index, loop, sink);
    } else if (quantifier.kind === "times") {
      first = this.#chain(index, sink, sink);
    } else {
      const { condition } = this.#at(index);
      first = this.#single(index, {
        sink,
        proceedTo: sink,
        take: condition,
        ignore: ignoring(quantifier.strategy, condition),
        isOptional: quantifier.isOptional,
      });
    }
    this.#addStops(index, first);
    return first;
  }

  /** Flink's `createTimesState`. */
  #chain(index: number, sink: AutomatonState, proceedTo: AutomatonState): AutomatonState {
    const { quantifier, condition, until } = this.#at(index);
    const inner = untilAnd(until, ignoring(quantifier.innerStrategy, condition));
    const take = until === undefined ? condition : and(not(until), condition);
    if (quantifier.isGreedy && quantifier.from !== quantifier.to) {
      if (until !== undefined) this.#beforeGreedy.set(sink.name, this.#copy(sink));
      narrow(sink, take);
    }
    let last = sink;
    for (let count = quantifier.from; count < quantifier.to; count++) {
      last = this.#single(index, { sink: last, proceedTo, take, ignore: inner, isOptional: true });
      this.#addFollowingStop(index, last);
    }
    for (let count = 1; count < quantifier.from; count++) {
      last = this.#single(index, { sink: last, proceedTo, take, ignore: inner, isOptional: false });
      this.#addFollowingStop(index, last);
    }
    return this.#single(index, {
      sink: last,
      proceedTo,
      take,
      ignore: ignoring(quantifier.strategy, condition),
      isOptional: quantifier.isOptional,
    });
  }

  /** Flink's `createSingletonState`. */
  #single(
    index: number,
    shape: {
      readonly sink: AutomatonState;
      readonly proceedTo: AutomatonState;
      readonly take: Condition;
      readonly ignore: Condition | undefined;
      readonly isOptional: boolean;
    },
  ): AutomatonState {
    const { name, quantifier, until } = this.#at(index);
    const { proceedTo, take, ignore, isOptional } = shape;
    const state = this.#state(name, name, "normal");
    const sink = this.#withoutEarlierNots(index, shape.sink);
    state.add("take", sink, take);
    if (isOptional) {
      if (quantifier.isGreedy && until !== undefined) {
        const before = this.#beforeGreedy.get(proceedTo.name);
        if (before !== undefined) state.add("proceed", before, until);
        state.add("proceed", proceedTo, not(until));
      } else {
        state.add("proceed", proceedTo, ALWAYS);
      }
    }
    if (ignore !== undefined) {
      if (isOptional) {
        const waiting = this.#state(name, name, "normal");
        waiting.add("take", sink, take);
        waiting.add("ignore", waiting, ignore);
        this.#addStops(index, waiting);
        state.add("ignore", waiting, ignore);
      } else {
        state.add("ignore", state, ignore);
      }
    }
    return state;
  }

  /** Flink's `createLooping`. */
  #loop(index: number, sink: AutomatonState): AutomatonState {
    const { name, quantifier, condition, until } = this.#at(index);
    const ignore = untilAnd(until, ignoring(quantifier.innerStrategy, condition));
    const take = until === undefined ? condition : and(not(until), condition);
    const loop = this.#state(name, name, "normal");
    if (quantifier.isGreedy) {
      if (until === undefined) {
        loop.add("proceed", sink, ALWAYS);
      } else {
        const before = this.#copy(sink);
        loop.add("proceed", before, until);
        this.#beforeGreedy.set(sink.name, before);
        loop.add("proceed", sink, not(until));
      }
      narrow(sink, condition);
    } else {
      loop.add("proceed", sink, ALWAYS);
    }
    loop.add("take", loop, take);
    this.#addFollowingStop(index, loop);
    if (ignore !== undefined) {
      const waiting = this.#state(name, name, "normal");
      waiting.add("take", loop, take);
      waiting.add("ignore", waiting, ignore);
      loop.add("ignore", waiting, ignore);
      this.#addFollowingStop(index, waiting);
    }
    return loop;
  }

  /** The notFollowedBy stages that still hold when stage `index` waits: those before it, beyond optional ones. */
  #earlierNots(index: number): ReadStage[] {
    const nots: ReadStage[] = [];
    for (let before = index - 1; before >= 0; before--) {
      const stage = this.#at(before);
      const isNot = stage.quantifier.strategy === "notFollow" && before > 0;
      if (!isNot && !stage.quantifier.isOptional) break;
      if (isNot) nots.push(stage);
    }
    return nots;
  }

  /** What an optional stage leads to once it took an event: the bans from before it are over (Flink's `copyWithoutTransitiveNots`). */
  #withoutEarlierNots(index: number, sink: AutomatonState): AutomatonState {
    const nots = this.#earlierNots(index);
    if (nots.length === 0 || !this.#at(index).quantifier.isOptional) return sink;
    const copy = this.#state(sink.name, sink.stage, sink.kind);
    for (const { action, source, target, condition } of sink.edges) {
      if (action !== "proceed") {
        copy.add(action, target === source ? copy : target, condition);
      } else if (target.kind !== "stop") {
        copy.add(action, this.#withoutEarlierNots(index, target), condition);
      } else if (!nots.some(({ name }) => name === target.name)) {
        copy.add(action, target, condition);
      }
    }
    return copy;
  }

  #copy(state: AutomatonState): AutomatonState {
    const copy = this.#state(state.stage, state.stage, state.kind);
    for (const { action, source, target, condition } of state.edges) {
      copy.add(action, target === source ? copy : target, condition);
    }
    return copy;
  }

  #addStops(index: number, state: AutomatonState): void {
    for (const stage of this.#earlierNots(index)) {
      state.add("proceed", this.#stopState(stage), stage.condition);
    }
  }

  /** A loop or chain is also ended by what the notFollowedBy behind it forbids. */
  #addFollowingStop(index: number, state: AutomatonState): void {
    const following = this.#stages[index + 1];
    if (following?.quantifier.strategy !== "notFollow") return;
    state.add("proceed", this.#stopState(following), following.condition);
  }

  #stopState(stage: ReadStage): AutomatonState {
    const known = this.#stopStates.get(stage.name);
    if (known !== undefined) return known;
    const stop = this.#state(stage.name, stage.name, "stop");
    stop.add("take", stop, stage.condition);
    this.#stopStates.set(stage.name, stop);
    return stop;
  }

  #state(base: string, stage: string, kind: StateKind): AutomatonState {
    let name = base;
    for (let count = 0; this.#usedNames.has(name); count++) name = `${base}:${count}`;
    this.#usedNames.add(name);
    const state = new AutomatonState(this.states.length, name, stage, kind);
    this.states.push(state);
    return state;
  }

  #at(index: number): ReadStage {
    const stage = this.#stages[index];
    if (stage === undefined) throw new RangeError(`no stage ${index}`);
    return stage;
  }
}

/** What lies between is ignored: nothing, all that does not fit, or anything. */
function ignoring(strategy: Quantifier["strategy"], condition: Condition): Condition | undefined {
  if (strategy === "skipTillNext") return not(condition);
  return strategy === "skipTillAny" ? ALWAYS : undefined;
}

function untilAnd(
  until: Condition | undefined,
  condition: Condition | undefined,
): Condition | undefined {
  return until === undefined || condition === undefined ? condition : and(not(until), condition);
}

/** Flink's `updateWithGreedyCondition`: all edges, those that ignore or proceed too. */
function narrow(state: AutomatonState, greedyTakes: Condition): void {
  for (const edge of state.edges) edge.condition = and(edge.condition, not(greedyTakes));
}
