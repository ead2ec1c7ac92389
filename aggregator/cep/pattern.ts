/**
 * What a pattern may say: the calls of Flink's `Pattern` as data. The keys are those of Flink's methods; what may be combined is checked
 * by {@link file://./quantifier.ts}, which knows what Flink refuses.
 */
import { z } from "zod";
import { duration } from "../../shared/config/units.ts";

/** How a stage follows the one before it. */
export const CONTIGUITIES = [
  "next",
  "followedBy",
  "followedByAny",
  "notNext",
  "notFollowedBy",
] as const;

/** What a match discards (Flink's `AfterMatchSkipStrategy`). */
export const SKIPS = [
  "noSkip",
  "skipToNext",
  "skipPastLastEvent",
  "skipToFirst",
  "skipToLast",
] as const;

/** More would compile into an automaton that no one can follow; Flink has no limit. */
const TIMES_MAX = 1000;
const STAGES_MAX = 64;

const condition = z.union([z.string(), z.array(z.string())]);
const count = z.int().min(0).max(TIMES_MAX);
const stageName = z
  .string()
  .regex(/^[\p{L}_$][\p{L}\p{N}_$]*$/u, { error: "expected a name of letters, digits and _" })
  .refine((name) => !["in", "true", "false", "null"].includes(name), {
    error: "expected a name that is no word of the expression language",
  });

const stageSchema = z.strictObject({
  name: stageName.meta({ description: "Name of the stage, unique in the pattern." }),
  contiguity: z.enum(CONTIGUITIES).optional().meta({
    description: "How it follows the stage before it; absent on the first stage.",
  }),
  where: condition.optional().meta({
    description: "Condition on the event; several must all hold; absent: any event.",
  }),
  or: condition
    .optional()
    .meta({ description: "Conditions of which one is enough in place of `where`." }),
  times: z
    .strictObject({ min: count, max: count.nullable() })
    .optional()
    .meta({ description: "How often; `max: null` is any number." }),
  consecutive: z
    .boolean()
    .optional()
    .meta({ description: "Nothing else may come between the events of the stage." }),
  allowCombinations: z
    .boolean()
    .optional()
    .meta({ description: "Events that fit may also be left out between those taken." }),
  leak: duration({ min: "1ms", max: "365d" }).optional().meta({
    description:
      "For the only stage of a pattern, with a fixed number of `times`: one event leaks away each such time, and the match is complete when so many are held.",
  }),
  distinct: stageName.optional().meta({
    description:
      "Field whose values differ among the events of the stage; an event without it is not taken.",
  }),
  greedy: z.boolean().optional().meta({ description: "As many events as possible." }),
  until: z.string().optional().meta({ description: "Ends a loop; its event is not taken." }),
  optional: z.boolean().optional().meta({ description: "The stage may take no event." }),
});

/** The keys of a pattern, to be spread into the schema of what carries one. */
export const patternShape = {
  key: stageName.optional().meta({
    description: "Field whose every value has a state of its own; absent: one state for all.",
  }),
  within: duration({ min: "1ms", max: "365d" })
    .optional()
    .meta({ description: "The last event comes less than this after the first." }),
  skip: z.enum(SKIPS).optional().meta({ description: "What a match discards; default noSkip." }),
  skipStage: z.string().optional().meta({ description: "For skipToFirst and skipToLast." }),
  skipThrowOnMiss: z
    .boolean()
    .optional()
    .meta({ description: "The rule fails when `skipStage` took nothing or nothing is skipped." }),
  stages: z.array(stageSchema).min(1).max(STAGES_MAX),
};

/** A pattern alone, as the golden cases carry it. */
export const patternSchema = z.strictObject({ name: z.string().optional(), ...patternShape });

/** One stage of a pattern. */
export type Stage = z.output<typeof stageSchema>;

/** A pattern as its author wrote it; `within` in ms. */
export type Pattern = Omit<z.output<typeof patternSchema>, "name">;

/** What is wrong with a pattern, where (path of keys and indexes) and what to write instead. */
export interface PatternFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
