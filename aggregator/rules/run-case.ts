/** Runs one golden case: a pattern, a stream in the order of arrival, and when the watermark moves. The form is that of `test/golden/cep`. */
import { z } from "zod";
import type { Value } from "../../shared/expression/parse.ts";
import { compilePattern } from "../cep/compile.ts";
import { type KeyFound, PatternOperator } from "../cep/operator.ts";
import { patternSchema } from "../cep/pattern.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";

const keySchema = z
  .union([z.string(), z.number(), z.boolean(), z.null()])
  .transform((key) => (key === null ? null : String(key)));

const eventSchema = z.object({
  id: z.union([z.int(), z.string()]),
  ts: z.int(),
  key: keySchema.default(null),
  type: z.string().nullable().default(null),
  fields: z.record(z.string(), z.unknown()).default({}),
});

const caseSchema = z.object({
  id: z.unknown(),
  pattern: z.unknown(),
  outOfOrderness: z.int().min(0).default(0),
  /** How far the watermark stays behind the newest event; default one more than the out-of-orderness. */
  watermarkLag: z.int().min(0).optional(),
  events: z.array(eventSchema),
  noFinalWatermark: z.boolean().default(false),
});

/** A match or a timed-out partial match: `ts` its event time (`max` at the end of the stream), `at` the index of the event upon whose arrival it came, `m` ids by stage. */
export interface CaseFound {
  readonly key: string;
  readonly ts: number | "max";
  readonly at: number;
  readonly m: Readonly<Record<string, readonly (number | string)[]>>;
}

/** What a case yields. */
export interface CaseResult {
  readonly id: unknown;
  readonly matches: CaseFound[];
  readonly timeouts: CaseFound[];
  /** Ids of events dropped as late. */
  readonly late: (number | string)[];
  readonly error?: {
    /** Refused before the first event, or failed while handling the events up to `at`. */
    readonly phase: "compile" | "runtime";
    readonly message: string;
    readonly at?: number;
  };
}

/** Runs a case given as parsed JSON. Throws a ZodError when it is no case; a wrong pattern is a result. */
export function runCase(input: unknown): CaseResult {
  const { id, pattern, outOfOrderness, watermarkLag, events, noFinalWatermark } =
    caseSchema.parse(input);
  const result: CaseResult = { id, matches: [], timeouts: [], late: [] };
  const parsed = patternSchema.safeParse(pattern);
  if (!parsed.success) {
    return { ...result, error: { phase: "compile", message: z.prettifyError(parsed.error) } };
  }
  const { automaton, faults } = compilePattern(parsed.data);
  if (faults !== undefined) {
    const message = faults.map((fault) => `${fault.path.join(".")}: ${fault.message}`).join("\n");
    return { ...result, error: { phase: "compile", message } };
  }
  const operator = new PatternOperator(automaton);
  const lagMs = watermarkLag ?? outOfOrderness + 1;
  let at = 0;
  const emit = (found: KeyFound) => {
    (found.kind === "match" ? result.matches : result.timeouts).push(caseFound(found, at));
  };
  let newestMs = Number.NEGATIVE_INFINITY;
  try {
    for (const event of events) {
      if (!operator.add(event)) result.late.push(event.id);
      newestMs = Math.max(newestMs, event.ts);
      operator.advance(newestMs - lagMs, emit);
      at++;
    }
    if (!noFinalWatermark) operator.advance(Number.POSITIVE_INFINITY, emit);
  } catch (error) {
    if (!(error instanceof SkipMissError)) throw error;
    return { ...result, error: { phase: "runtime", message: error.message, at } };
  }
  return result;
}

function caseFound({ key, ts, stages }: KeyFound, at: number): CaseFound {
  const m: Record<string, (number | string)[]> = {};
  for (const [stage, events] of stages) m[stage] = events.map(({ id }) => id);
  return { key: keyText(key), ts: ts === Number.POSITIVE_INFINITY ? "max" : ts, at, m };
}

function keyText(key: Value): string {
  return key === null ? "" : String(key);
}
