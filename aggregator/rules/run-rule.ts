import type { Value } from "../../shared/expression/parse.ts";
import type { KeyDrop } from "../cep/drop-log.ts";
import type { KeyLimits } from "../cep/matcher.ts";
import { KEY_LIMITS_DEFAULT, type KeyFound, PatternOperator } from "../cep/operator.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import { distinctTimeouts } from "./distinct-timeouts.ts";
import type { Rule } from "./load-rules.ts";
import { type Alert, makeAlert, spanOf } from "./make-alert.ts";

/** A match or a timed-out partial match of a rule. */
export interface RuleFound {
  readonly rule: string;
  readonly kind: "match" | "timeout";
  /** Null when the rule has no key. */
  readonly key: Value;
  /** Event time of the last event, or when the time ran out. */
  readonly timestampMs: number;
  readonly events: Readonly<Record<string, readonly CepEvent[]>>;
  /** Undefined when none is raised: for a timeout that the rule ignores, while an earlier alert of the key cools down, and across a gap. */
  readonly alert: Alert | undefined;
}

/** How a rule is run over events. */
export interface RuleRunOptions {
  /** Whose events they are; default nobody's. */
  readonly tenant?: string;
  /** Whether events are missing between two event times, both included; default: none are. */
  readonly hasHole?: (fromMs: number, toMs: number) => boolean;
  /** What one value of the rule's key may hold. */
  readonly limits?: KeyLimits;
}

/** One rule over a stream of one tenant that comes in the order of arrival: the same alerts as live. */
export class RuleRun {
  readonly #rule: Rule;
  readonly #options: RuleRunOptions;
  readonly #operator: PatternOperator;
  readonly #cooldownUntilMs = new Map<Value, number>();

  constructor(rule: Rule, options: RuleRunOptions = {}) {
    this.#rule = rule;
    this.#options = options;
    const { limits = KEY_LIMITS_DEFAULT } = options;
    this.#operator = new PatternOperator(rule.automaton, limits, "moment");
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
    const { alert, onTimeout, on_hole: onHole } = this.#rule.config;
    const { tenant = "", hasHole } = this.#options;
    const { kind, key, ts } = one;
    if (kind === "timeout" && onTimeout === "ignore") return undefined;
    if (ts < (this.#cooldownUntilMs.get(key) ?? ts)) return undefined;
    const { fromMs, toMs } = spanOf(one);
    const isIncomplete = hasHole?.(fromMs, toMs) ?? false;
    if (isIncomplete && onHole === "suppress") return undefined;
    if (alert.cooldown > 0) this.#cooldownUntilMs.set(key, ts + alert.cooldown);
    return makeAlert(this.#rule, one, { tenant, key, isIncomplete });
  }
}

/** What is found as one line of JSON, the whole alert in it. */
export function foundText({ timestampMs, alert, events, ...found }: RuleFound): string {
  const timestamp = new Date(timestampMs).toISOString();
  const head = JSON.stringify({ ...found, timestamp, events });
  return alert === undefined ? head : `${head.slice(0, -1)},"alert":${alert.json}}`;
}
