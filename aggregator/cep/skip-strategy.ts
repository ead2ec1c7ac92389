import type { Pattern } from "./pattern.ts";
import type { HeldEvent } from "./shared-buffer.ts";

/** What a match discards (Flink's `AfterMatchSkipStrategy` and its subclasses). */
export interface SkipStrategy {
  readonly kind: NonNullable<Pattern["skip"]>;
  /** For skipToFirst and skipToLast. */
  readonly stage: string | undefined;
  /** Fail instead of skipping nothing. */
  readonly failsOnMiss: boolean;
}

/** Up to where a match discards partial matches and waiting matches: those whose first event is before `order`, or at it when inclusive. */
export interface Pruning {
  readonly order: number;
  readonly isInclusive: boolean;
}

/** A match with which the rule cannot go on, because it asked to fail then. In Flink the job fails. */
export class SkipMissError extends Error {
  override readonly name = "SkipMissError";
}

/** What the match with these events discards; undefined: nothing. Throws {@link SkipMissError}. */
export function pruningOf(
  skip: SkipStrategy,
  stages: ReadonlyMap<string, readonly HeldEvent[]>,
): Pruning | undefined {
  switch (skip.kind) {
    case "noSkip":
      return undefined;
    case "skipToNext":
      return { order: ordersOf(stages).reduce((a, b) => Math.min(a, b)), isInclusive: true };
    case "skipPastLastEvent":
      return { order: ordersOf(stages).reduce((a, b) => Math.max(a, b)), isInclusive: true };
    default:
      return toStage(skip, stages);
  }
}

function toStage(
  skip: SkipStrategy,
  stages: ReadonlyMap<string, readonly HeldEvent[]>,
): Pruning | undefined {
  const events = stages.get(skip.stage ?? "");
  const target = skip.kind === "skipToFirst" ? events?.[0] : events?.at(-1);
  if (target === undefined) {
    if (!skip.failsOnMiss) return undefined;
    throw new SkipMissError(`cannot skip to \`${skip.stage}\`: the match has no event of it`);
  }
  const first = ordersOf(stages).reduce((a, b) => Math.min(a, b));
  if (skip.failsOnMiss && target.order === first) {
    throw new SkipMissError(
      `cannot skip to \`${skip.stage}\`: it is the first event of the match, which would come again`,
    );
  }
  return { order: target.order, isInclusive: false };
}

function ordersOf(stages: ReadonlyMap<string, readonly HeldEvent[]>): number[] {
  return [...stages.values()].flatMap((events) => events.map(({ order }) => order));
}
