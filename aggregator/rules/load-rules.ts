import { assert } from "../../shared/assert.ts";
import type { ConfigFault } from "../../shared/config/load.ts";
import { loadConfig } from "../../shared/config/load.ts";
import type { Automaton } from "../cep/automaton.ts";
import { compilePattern } from "../cep/compile.ts";
import { type AlertDetail, compileDetails } from "./alert-details.ts";
import { compileTemplate, type MessageTemplate } from "./message-template.ts";
import { type RuleConfig, ruleSchema } from "./rule.ts";

/** A rule that is ready to run. */
export interface Rule {
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
  | { readonly rules: readonly Rule[]; readonly faults?: never }
  | { readonly faults: readonly ConfigFault[]; readonly rules?: never };

/** Checks and compiles rule files; two rules of one name are a fault. */
export function loadRules(texts: readonly RuleText[]): LoadedRules {
  const rules: Rule[] = [];
  const faults: ConfigFault[] = [];
  const files = new Map<string, string>();
  for (const { file, text } of texts) {
    const loaded = loadConfig(ruleSchema, text, file);
    if (loaded.faults !== undefined) {
      faults.push(...loaded.faults);
      continue;
    }
    const { name } = loaded.config;
    const other = files.get(name);
    if (other !== undefined) {
      const message = `the rule in ${other} has this name too`;
      faults.push({ file, line: 1, column: 1, path: "name", message });
    }
    files.set(name, file);
    rules.push(compileRule(loaded.config));
  }
  return faults.length > 0 ? { faults } : { rules };
}

/** Compiles what {@link ruleSchema} let through. */
function compileRule(config: RuleConfig): Rule {
  const { automaton } = compilePattern(config);
  const stages = config.stages.map(({ name }) => name);
  const { template } = compileTemplate(config.alert.message, stages);
  const { details } = compileDetails(config.alert.details, stages);
  assert(
    automaton !== undefined && template !== undefined && details !== undefined,
    `rule ${config.name} does not compile`,
  );
  return { config, automaton, message: template, details };
}
