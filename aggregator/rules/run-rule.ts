import type { Value } from "../../shared/expression/parse.ts";
import type { KeyDrop } from "../cep/drop-log.ts";
import { KEY_LIMITS_DEFAULT, type KeyFound, PatternOperator } from "../cep/operator.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import { distinctTimeouts } from "./distinct-timeouts.ts";
import type { Rule } from "./load-rules.ts";
import { type Alert, makeAlert } from "./make-alert.ts";

/** A match or a timed-out partial match of a rule. */
export interface RuleFound {
  readonly rule: string;
  readonly kind: "match" | "timeout";
  /** Null when the rule has no key. */
  readonly key: Value;
  /** Event time of the last event, or when the time ran out. */
  readonly timestampMs: number;
  readonly events: Readonly<Record<string, readonly CepEvent[]>>;
  /** Undefined when none is raised: for a timeout that the rule ignores, and while an earlier alert of the key cools down. */
  readonly alert: Alert | undefined;
}

/** One rule over a stream that comes in the order of arrival: the same alerts as live, for events of no tenant and without holes. */
export class RuleRun {
  readonly #rule: Rule;
  readonly #operator: PatternOperator;
  readonly #cooldownUntilMs = new Map<Value, number>();

  constructor(rule: Rule) {
    this.#rule = rule;
    this.#operator = new PatternOperator(rule.automaton, KEY_LIMITS_DEFAULT, "moment");
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
    const found: KeyFound[] = [];
    this.#operator.advance(watermarkMs, (one) => found.push(one));
    return distinctTimeouts(found).map((one) => this.#ruleFound(one));
  }

  /** What bounds made the rule drop since the last call. */
  takeDrops(): KeyDrop[] {
    return this.#operator.takeDrops();
  }

  #ruleFound(one: KeyFound): RuleFound {
    const { kind, key, ts, stages } = one;
    const events = Object.fromEntries(stages);
    return { rule: this.name, kind, key, timestampMs: ts, events, alert: this.#raise(one) };
  }

  #raise(one: KeyFound): Alert | undefined {
    const { alert, onTimeout } = this.#rule.config;
    const { kind, key, ts } = one;
    if (kind === "timeout" && onTimeout === "ignore") return undefined;
    if (ts < (this.#cooldownUntilMs.get(key) ?? ts)) return undefined;
    if (alert.cooldown > 0) this.#cooldownUntilMs.set(key, ts + alert.cooldown);
    return makeAlert(this.#rule, one, { tenant: "", key, isIncomplete: false });
  }
}

/** What is found as one line of JSON, the whole alert in it. */
export function foundText({ timestampMs, alert, events, ...found }: RuleFound): string {
  const timestamp = new Date(timestampMs).toISOString();
  const head = JSON.stringify({ ...found, timestamp, events });
  return alert === undefined ? head : `${head.slice(0, -1)},"alert":${alert.json}}`;
}
