import { createHash } from "node:crypto";
import { compileName } from "../../shared/expression/compile.ts";
import type { Value } from "../../shared/expression/parse.ts";
import type { Selectors } from "../../shared/protocol/selected-event.ts";
import type { KeyLimits } from "../cep/matcher.ts";
import type { CepEvent } from "../cep/shared-buffer.ts";
import type { Rule } from "./load-rules.ts";
import { RuleMachine } from "./rule-machine.ts";
import type { ThresholdRule } from "./threshold-rule.ts";

/** The stream of what windows say when they become final for the first time. */
export const METRICS_STREAM = "service-metrics";

/** The field by which the events of {@link METRICS_STREAM} are parted: a rule has no other key there. */
export const METRICS_KEY = "service";

/**
 * What one value of a rule's key may hold. A row of state must fit into a commit; and what began a month ago without a time limit of its
 * own would be held for ever.
 */
export const RULE_LIMITS: KeyLimits = {
  partialsMax: 1_000,
  eventsMax: 1_000,
  ageMsMax: 30 * 86_400_000,
};

/** A rule in use. */
export interface ActiveRule {
  /** Names the rule, its stream and its pattern: state belongs to these. Fits into a key of stored state. */
  readonly id: string;
  readonly rule: Rule;
  readonly machine: RuleMachine;
}

/** One field that parts a stream, with what reads it. */
export interface KeyField {
  /** Undefined: the rules that see all events of the stream together. */
  readonly name: string | undefined;
  readonly valueOf: (event: CepEvent) => Value;
}

/** The rules in use. Never changes: a reload makes a new one. */
export class RuleSet {
  readonly rules: readonly ActiveRule[];
  /** Rules over windows, which need nothing of agents. */
  readonly thresholds: readonly ThresholdRule[];
  /** What agents are to send. */
  readonly selectors: Selectors;
  /** Names the fields that part streams of agents' events: the same for the same fields of the same streams. */
  readonly routes: string;
  readonly #byStream = new Map<string, Map<string | undefined, ActiveRule[]>>();
  readonly #byId: ReadonlyMap<string, ActiveRule>;
  readonly #fields = new Map<string, readonly KeyField[]>();

  constructor(
    rules: readonly Rule[],
    selectors: Selectors,
    thresholds: readonly ThresholdRule[] = [],
  ) {
    this.selectors = selectors;
    this.thresholds = thresholds;
    this.rules = rules.map((rule) => {
      return { id: ruleId(rule), rule, machine: new RuleMachine(rule, RULE_LIMITS) };
    });
    this.#byId = new Map(this.rules.map((active) => [active.id, active]));
    for (const active of this.rules) {
      const { stream } = active.rule.config;
      const byField = this.#byStream.get(stream) ?? new Map<string | undefined, ActiveRule[]>();
      const { key } = active.rule.automaton;
      byField.set(key, [...(byField.get(key) ?? []), active]);
      this.#byStream.set(stream, byField);
    }
    for (const [stream, byField] of this.#byStream) {
      if (stream === METRICS_STREAM) continue;
      this.#fields.set(stream, [...byField.keys()].map(keyField));
    }
    const routes = [...this.#fields].map(([stream, fields]) => [
      stream,
      fields.map(({ name }) => name),
    ]);
    this.routes = hashOf(routes);
  }

  /** Revision of the selectors by which agents are to select what these rules need. */
  get revision(): string {
    return this.selectors.revision;
  }

  /** The fields that part a stream of agents' events; empty when no rule sees it. */
  keyFields(stream: string): readonly KeyField[] {
    return this.#fields.get(stream) ?? NO_FIELDS;
  }

  /** The rules that see a stream parted by a field. */
  rulesOf(stream: string, keyField: string | undefined): readonly ActiveRule[] {
    return this.#byStream.get(stream)?.get(keyField) ?? NO_RULES;
  }

  /** The rule of an id; undefined when it is not in use. */
  find(id: string): ActiveRule | undefined {
    return this.#byId.get(id);
  }
}

const NO_FIELDS: readonly KeyField[] = [];
const NO_RULES: readonly ActiveRule[] = [];
/** Longer names are told apart by the hash behind them. */
const RULE_NAME_LENGTH_MAX = 60;

function ruleId({ config, automaton }: Rule): string {
  const { name, stream } = config;
  const hash = hashOf([name, stream, automaton.fingerprint]);
  return `${name.slice(0, RULE_NAME_LENGTH_MAX)}@${hash}`;
}

function hashOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);
}

function keyField(name: string | undefined): KeyField {
  return { name, valueOf: name === undefined ? () => null : compileName(name) };
}

/** No rules. */
export const NO_RULE_SET: RuleSet = new RuleSet([], { revision: "", selectors: [] });
