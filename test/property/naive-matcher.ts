/**
 * An independent matcher: tries every choice of events, without automaton, buffer or versions. For streams in order, patterns without a skip
 * strategy, greedy loops and `until`, and conditions that no ban shares with the stages around it.
 */
import type { CepEvent } from "../../aggregator/cep/shared-buffer.ts";

/** Where the next event may lie: directly behind the last, the first that fits, or any that fits. */
export type Reach = "next" | "followedBy" | "followedByAny";

/** A stage that takes events. */
export interface NaiveStage {
  /** Towards the stage before. */
  readonly reach: Reach;
  /** Between its own events. */
  readonly inner: Reach;
  readonly accepts: (event: CepEvent) => boolean;
  readonly min: number;
  readonly max: number;
  readonly isOptional: boolean;
  /** Must not come between its first event and the first of the next stage. */
  readonly bans?: ((event: CepEvent) => boolean) | undefined;
}

/** One event taken: index of the stage, index of the event. */
type Taken = readonly [stage: number, event: number];

/** All matches, each as the indexes of its events by index of stage: `0:1,2 2:4`. */
export function naiveMatches(
  stages: readonly NaiveStage[],
  withinMs: number | undefined,
  events: readonly CepEvent[],
): string[] {
  const found: string[] = [];

  const extend = (taken: readonly Taken[]): void => {
    if (taken.length > 0 && canEnd(taken)) found.push(shown(taken));
    const [stageAt = -1] = taken.at(-1) ?? [];
    const count = taken.filter(([stage]) => stage === stageAt).length;
    const current = stages[stageAt];
    if (current !== undefined && count < current.max) take(taken, stageAt, current.inner);
    if (current !== undefined && count < current.min) return;
    for (let next = stageAt + 1; next < stages.length; next++) {
      const stage = stages[next];
      if (stage === undefined) return;
      take(taken, next, taken.length === 0 ? "followedByAny" : stage.reach);
      if (!stage.isOptional) return;
    }
  };

  const take = (taken: readonly Taken[], stageAt: number, reach: Reach): void => {
    const [lastStage = -1, lastEvent = -1] = taken.at(-1) ?? [];
    const first = events[taken[0]?.[1] ?? -1];
    const banned = stages[lastStage]?.bans;
    for (let at = lastEvent + 1; at < events.length; at++) {
      const event = events[at];
      if (event === undefined) return;
      if (first !== undefined && withinMs !== undefined && event.ts - first.ts >= withinMs) return;
      if (stages[stageAt]?.accepts(event) === true) {
        extend([...taken, [stageAt, at]]);
        if (reach === "followedBy") return;
      } else if (banned?.(event) === true) {
        return;
      }
      if (reach === "next") return;
    }
  };

  const canEnd = (taken: readonly Taken[]): boolean => {
    const [stageAt = -1] = taken.at(-1) ?? [];
    const count = taken.filter(([stage]) => stage === stageAt).length;
    const isFull = count >= (stages[stageAt]?.min ?? 0);
    return isFull && stages.slice(stageAt + 1).every(({ isOptional }) => isOptional);
  };

  extend([]);
  return found;
}

function shown(taken: readonly Taken[]): string {
  const byStage = new Map<number, number[]>();
  for (const [stage, event] of taken) byStage.set(stage, [...(byStage.get(stage) ?? []), event]);
  return [...byStage].map(([stage, indexes]) => `${stage}:${indexes.join(",")}`).join(" ");
}
