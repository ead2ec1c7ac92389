import { parse } from "yaml";
import { assert } from "../../shared/assert.ts";
import type { ConfigFault, Loaded } from "../../shared/config/load.ts";
import { loadConfig } from "../../shared/config/load.ts";
import type { Automaton } from "../cep/automaton.ts";
import { compilePattern } from "../cep/compile.ts";
import { type AlertDetail, compileDetails } from "./alert-details.ts";
import { compileTemplate, type MessageTemplate } from "./message-template.ts";
import { type RuleConfig, ruleSchema } from "./rule.ts";
import { compileThreshold, type ThresholdRule, thresholdSchema } from "./threshold-rule.ts";

/** A rule that is ready to run. */
export interface Rule {
  /** For faults. */
  readonly file: string;
  readonly config: RuleConfig;
  readonly automaton: Automaton;
  readonly message: MessageTemplate;
  /** What its alerts tell beside the message. */
  readonly details: readonly AlertDetail[];
}

/** A file that was read. */
export interface RuleText {
  /** For faults. */
  readonly file: string;
  readonly text: string;
}

/** Rules, or everything that is wrong with any of them: never both. */
export type LoadedRules =
  | {
      /** Patterns. */
      readonly rules: readonly Rule[];
      readonly thresholds: readonly ThresholdRule[];
      readonly faults?: never;
    }
  | {
      readonly faults: readonly ConfigFault[];
      readonly rules?: never;
      readonly thresholds?: never;
    };

/** Checks and compiles rule files; two rules of one name are a fault. */
export function loadRules(texts: readonly RuleText[]): LoadedRules {
  const rules: Rule[] = [];
  const thresholds: ThresholdRule[] = [];
  const faults: ConfigFault[] = [];
  const files = new Map<string, string>();
  for (const { file, text } of texts) {
    const loaded = isThreshold(text)
      ? compiled(loadConfig(thresholdSchema, text, file), (config) =>
          thresholds.push(compileThreshold(config)),
        )
      : compiled(loadConfig(ruleSchema, text, file), (config) =>
          rules.push(compileRule(config, file)),
        );
    if (loaded.faults !== undefined) {
      faults.push(...loaded.faults);
      continue;
    }
    const { name } = loaded;
    const other = files.get(name);
    if (other !== undefined) {
      const message = `the rule in ${other} has this name too`;
      faults.push({ file, line: 1, column: 1, path: "name", message });
    }
    files.set(name, file);
  }
  return faults.length > 0 ? { faults } : { rules, thresholds };
}

/** Compiles a checked rule with `take`, and says its name. */
function compiled<Config extends { readonly name: string }>(
  loaded: Loaded<Config>,
  take: (config: Config) => void,
):
  | { readonly name: string; readonly faults?: never }
  | { readonly faults: readonly ConfigFault[] } {
  if (loaded.faults !== undefined) return { faults: loaded.faults };
  take(loaded.config);
  return { name: loaded.config.name };
}

/** Tells the two kinds of rules apart by what only one of them has. */
function isThreshold(text: string): boolean {
  try {
    const value: unknown = parse(text, { uniqueKeys: false, logLevel: "silent" });
    if (typeof value !== "object" || value === null || "stages" in value) return false;
    return "condition" in value || "missing" in value;
  } catch {
    // Not YAML, which whichever loader says with its place.
    return false;
  }
}

/** Compiles what {@link ruleSchema} let through. */
function compileRule(config: RuleConfig, file: string): Rule {
  const { automaton } = compilePattern(config);
  const stages = config.stages.map(({ name }) => name);
  const { template } = compileTemplate(config.alert.message, stages);
  const { details } = compileDetails(config.alert.details, stages);
  assert(
    automaton !== undefined && template !== undefined && details !== undefined,
    `rule ${config.name} does not compile`,
  );
  return { file, config, automaton, message: template, details };
}
