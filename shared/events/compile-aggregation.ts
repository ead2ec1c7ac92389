/** From `aggregate:` of a source to functions over one event. */

import { LEVEL_INDEX } from "../aggregates/aggregate.ts";
import {
  EXEMPLAR_LENGTH_MAX,
  type MeasureKind,
  type MeasureState,
  sumParts,
} from "../aggregates/detail.ts";
import { DIMENSION_VALUE_LENGTH_MAX, dimensionValue } from "../aggregates/dimensions.ts";
import { assert } from "../assert.ts";
import {
  compileName,
  compilePredicate,
  type ExpressionEvent,
  type StageEvents,
} from "../expression/compile.ts";
import { parseExpression, type Value } from "../expression/parse.ts";
import type { Redactor } from "../redaction/redactor.ts";
import { type AggregateConfig, fieldOf, nameOf } from "./aggregate-config.ts";

/** What is known of an event beside its fields, by name. */
export type Labels = Readonly<Record<string, string>>;

/** One measure, compiled. */
export interface CompiledMeasure {
  readonly name: string;
  readonly kind: MeasureKind;
  /** Adds what the event holds to `state`; returns why it holds nothing that counts, when it should. */
  add(event: ExpressionEvent, state: MeasureState): MeasureFault | undefined;
  /** True when the event is measured. */
  holds(event: ExpressionEvent): boolean;
}

/** Why a value cannot be added up: what the ledger notes it under. */
export type MeasureFault = "measure_not_a_number" | "measure_out_of_range";

/** What {@link compileAggregation} makes. */
export interface CompiledAggregation {
  readonly dimensionNames: readonly string[];
  readonly seriesMax: number;
  /** Takes out of texts what must not leave the host. */
  readonly redactor: Redactor;
  /** The values of an event, redacted, in the order of the names; only labels where there is no event. */
  valuesOf(event: ExpressionEvent | undefined, labels: Labels): string[];
  readonly measures: readonly CompiledMeasure[];
  /** True when the event's line may be a sample; undefined when there are none. `level` is a position in LEVELS. */
  readonly isExemplar: ((event: ExpressionEvent, level: number) => boolean) | undefined;
  /** A sample line as it leaves the host; undefined when it must not. */
  exemplarText(line: string): string | undefined;
}

const REMEMBERED_VALUES_MAX = 2000;
const NO_STAGES: StageEvents = { eventsOf: () => [] };
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** Compiles what a configuration says; its expressions were checked. */
export function compileAggregation(
  config: AggregateConfig,
  redactor: Redactor,
): CompiledAggregation {
  const dimensions = config.dimensions.map((entry) => ({
    field: fieldOf(entry),
    valueOf: compileName(fieldOf(entry)),
    leaving: rememberedValue(fieldOf(entry), redactor),
  }));
  return {
    redactor,
    dimensionNames: config.dimensions.map(nameOf),
    seriesMax: config.max_series,
    valuesOf: (event, labels) =>
      dimensions.map(({ field, valueOf, leaving }) => {
        const value = event === undefined ? null : valueOf(event);
        const text = value === null ? (labels[field] ?? "") : String(value);
        return text === "" || !redactor.isActive ? dimensionValue(text) : leaving(text);
      }),
    measures: Object.entries(config.measures).map(([name, measure]) =>
      compileMeasure(name, measure),
    ),
    isExemplar: config.exemplars && compileExemplars(config.exemplars),
    exemplarText: (line) =>
      redactor.redactStart(line, EXEMPLAR_LENGTH_MAX)?.slice(0, EXEMPLAR_LENGTH_MAX).toWellFormed(),
  };
}

/** Values come again and again: what may leave of them is looked for once. */
function rememberedValue(field: string, redactor: Redactor): (text: string) => string {
  const known = new Map<string, string>();
  return (text) => {
    let value = known.get(text);
    if (value === undefined) {
      const leaving = redactor.redactField(field, text);
      value = typeof leaving === "string" ? dimensionValue(leaving) : "";
      if (known.size >= REMEMBERED_VALUES_MAX) known.clear();
      if (text.length <= DIMENSION_VALUE_LENGTH_MAX) known.set(text, value);
    }
    return value;
  };
}

function compileExemplars({ min_level, where }: NonNullable<AggregateConfig["exemplars"]>) {
  const holds = where === undefined ? () => true : compileCondition(where);
  const least = LEVEL_INDEX[min_level];
  return (event: ExpressionEvent, level: number) =>
    level >= least && level <= LEVEL_INDEX.FATAL && holds(event);
}

/** A condition on one event as a function; it was checked before. */
export function compileCondition(text: string): (event: ExpressionEvent) => boolean {
  const { expression } = parseExpression(text);
  assert(expression !== undefined, "a condition of the configuration was checked");
  const holds = compilePredicate(expression);
  return (event) => holds(event, NO_STAGES);
}

function compileMeasure(
  name: string,
  measure: AggregateConfig["measures"][string],
): CompiledMeasure {
  const { sum, count, distinct, where } = measure;
  const condition = where === undefined ? undefined : compileCondition(where);
  const valueOf = compileName(sum ?? distinct ?? count ?? "");
  const holds = (event: ExpressionEvent) =>
    (count === "*" || valueOf(event) !== null) && (condition === undefined || condition(event));
  if (sum !== undefined) {
    return { name, kind: "sum", holds, add: (event, state) => addSum(valueOf(event), state) };
  }
  if (distinct !== undefined) {
    return {
      ...{ name, kind: "distinct", holds },
      add: (event, state) => {
        state.sketch?.add(String(valueOf(event)));
        return undefined;
      },
    };
  }
  return {
    ...{ name, kind: "count", holds },
    add: (_event, state) => {
      state.low++;
      return undefined;
    },
  };
}

function addSum(value: Value, state: MeasureState): MeasureFault | undefined {
  const isText = typeof value === "string" && NUMBER.test(value);
  const number = isText ? Number(value) : value;
  if (typeof number !== "number") return "measure_not_a_number";
  const parts = sumParts(number);
  if (parts === undefined) return "measure_out_of_range";
  state.addSum(parts.low, parts.high);
  return undefined;
}
