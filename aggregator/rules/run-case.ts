/** Runs one golden case: a pattern, a stream in the order of arrival, and when the watermark moves. The form is that of `test/golden/cep`. */
import { z } from "zod";
import type { Value } from "../../shared/expression/parse.ts";
import { compilePattern } from "../cep/compile.ts";
import type { KeyLimits } from "../cep/matcher.ts";
import { type KeyFound, PatternOperator } from "../cep/operator.ts";
import { patternSchema } from "../cep/pattern.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
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

/**
 * A case is small, so nothing that it holds is dropped before it would exhaust the memory: 20 events of which any may be left out are
 * a million partial matches.
 */
const CASE_LIMITS: KeyLimits = {
  partialsMax: 2 ** 20,
  eventsMax: 2 ** 20,
  ageMsMax: Number.POSITIVE_INFINITY,
};

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
  readonly error?: CaseError;
}

/** Not a case; its pattern is refused before the first event; or failed while handling the events up to `at`. */
export interface CaseError {
  readonly phase: "input" | "compile" | "runtime";
  readonly message: string;
  readonly at?: number;
}

/** Runs a case given as text; what is wrong with it is a result too. */
export function runCaseText(text: string): CaseResult {
  try {
    return runCase(JSON.parse(text));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return noCase(null, `not JSON: ${error.message}`);
  }
}

/** The answer to a line that is too long to be read. */
export function tooLongCase(bytes: number): CaseResult {
  return noCase(null, `a line of ${bytes} bytes is too long`);
}

/** Runs a case given as parsed JSON; what is wrong with it is a result too. */
export function runCase(input: unknown): CaseResult {
  const checked = caseSchema.safeParse(input);
  if (!checked.success) {
    const hasId = typeof input === "object" && input !== null && "id" in input;
    return noCase(hasId ? input.id : null, z.prettifyError(checked.error));
  }
  const { id, pattern, outOfOrderness, watermarkLag, events, noFinalWatermark } = checked.data;
  const result: CaseResult = { id, matches: [], timeouts: [], late: [] };
  const parsed = patternSchema.safeParse(withoutNulls(pattern));
  if (!parsed.success) {
    return { ...result, error: { phase: "compile", message: z.prettifyError(parsed.error) } };
  }
  const { automaton, faults } = compilePattern(parsed.data);
  if (faults !== undefined) {
    const message = faults.map((fault) => `${fault.path.join(".")}: ${fault.message}`).join("\n");
    return { ...result, error: { phase: "compile", message } };
  }
  const operator = new PatternOperator(automaton, CASE_LIMITS);
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
      if (operator.matcher.droppedCount > 0) return { ...result, error: tooLarge(at) };
      at++;
    }
    if (!noFinalWatermark) operator.advance(Number.POSITIVE_INFINITY, emit);
    if (operator.matcher.droppedCount > 0) return { ...result, error: tooLarge(at) };
  } catch (error) {
    if (!(error instanceof SkipMissError)) throw error;
    return { ...result, error: { phase: "runtime", message: error.message, at } };
  }
  return result;
}

/** A pattern in which what is null is absent, as other programs write it; but `max: null` of `times` is any number. */
function withoutNulls(pattern: unknown): unknown {
  if (typeof pattern !== "object" || pattern === null || Array.isArray(pattern)) return pattern;
  const given = Object.entries(pattern).filter(([, value]) => value !== null);
  return Object.fromEntries(
    given.map(([name, value]) =>
      name === "stages" && Array.isArray(value) ? [name, value.map(withoutNulls)] : [name, value],
    ),
  );
}

function noCase(id: unknown, message: string): CaseResult {
  return { id, matches: [], timeouts: [], late: [], error: { phase: "input", message } };
}

function tooLarge(at: number): CaseError {
  const message = `a key holds more than ${CASE_LIMITS.partialsMax} partial matches; use a stricter contiguity or a shorter \`within\``;
  return { phase: "runtime", message, at };
}

function caseFound({ key, ts, stages }: KeyFound, at: number): CaseFound {
  const m = Object.fromEntries([...stages].map(([stage, events]) => [stage, events.map(idOf)]));
  return { key: keyText(key), ts: ts === Number.POSITIVE_INFINITY ? "max" : ts, at, m };
}

const idOf = ({ id }: CepEvent) => id;

function keyText(key: Value): string {
  return key === null ? "" : String(key);
}
