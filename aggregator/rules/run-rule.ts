import type { StageEvents } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import { type KeyFound, PatternOperator } from "../cep/operator.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import type { Rule } from "./load-rules.ts";

/** A match or a timed-out partial match of a rule, as it is printed. */
export interface RuleFound {
  readonly rule: string;
  readonly kind: "match" | "timeout";
  /** Null when the rule has no key. */
  readonly key: Value;
  /** ISO 8601; null at the end of the stream. */
  readonly timestamp: string | null;
  /** Undefined for a timeout that raises none. */
  readonly alert?: {
    readonly alertType: string;
    readonly severity: string;
    readonly message: string;
  };
  readonly events: Readonly<Record<string, readonly unknown[]>>;
}

/** One rule over a stream that comes in the order of arrival. */
export class RuleRun {
  readonly #rule: Rule;
  readonly #operator: PatternOperator;

  constructor(rule: Rule) {
    this.#rule = rule;
    this.#operator = new PatternOperator(rule.automaton);
  }

  /** Name of the rule. */
  get name(): string {
    return this.#rule.config.name;
  }

  /** Events dropped as late. */
  get lateCount(): number {
    return this.#operator.lateCount;
  }

  /** Takes an event in. */
  add(event: CepEvent): void {
    this.#operator.add(event);
  }

  /** Moves the watermark and returns what came out. Throws SkipMissError. */
  advance(watermarkMs: number): RuleFound[] {
    const found: RuleFound[] = [];
    this.#operator.advance(watermarkMs, (one) => found.push(this.#ruleFound(one)));
    return found;
  }

  #ruleFound({ kind, key, ts, stages }: KeyFound): RuleFound {
    const { name, alert, onTimeout } = this.#rule.config;
    const timestamp = ts === Number.POSITIVE_INFINITY ? null : new Date(ts).toISOString();
    const last = [...stages.values()].at(-1)?.at(-1);
    const events: Record<string, readonly CepEvent[]> = Object.fromEntries(stages);
    if (last === undefined || (kind === "timeout" && onTimeout === "ignore")) {
      return { rule: name, kind, key, timestamp, events };
    }
    const held: StageEvents = { eventsOf: (stage) => stages.get(stage) ?? [] };
    const keyed = { ...last, key: last.key ?? (key === null ? null : String(key)) };
    const message = this.#rule.message.render(keyed, held);
    const raised = { alertType: alert.type, severity: alert.severity, message };
    return { rule: name, kind, key, timestamp, alert: raised, events };
  }
}
