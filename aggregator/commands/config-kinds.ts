import type { z } from "zod";
import { agentConfig } from "../../agent/config.ts";
import { aggregatorConfig } from "../config.ts";
import { ruleSchema } from "../rules/rule.ts";
import { thresholdSchema } from "../rules/threshold-rule.ts";

/** The kinds of configuration file, each with its schema and a key that only it has. */
export const configKinds = {
  agent: { schema: agentConfig, keys: ["ship", "flush_interval", "id"] },
  aggregator: { schema: aggregatorConfig, keys: ["listen", "sinks", "windows_retention"] },
  rules: { schema: ruleSchema, keys: ["stages", "stream", "alert", "summary"] },
  thresholds: {
    schema: thresholdSchema,
    keys: ["condition", "missing", "resolve", "alert", "summary", "stream", "labels", "for"],
  },
} as const satisfies Record<
  string,
  { readonly schema: z.ZodType; readonly keys: readonly string[] }
>;

/** The name of a kind of configuration file. */
export type ConfigKind = keyof typeof configKinds;

/** The names of all kinds. */
export const configKindNames: readonly string[] = Object.keys(configKinds);

/** States whether `name` is a kind of configuration file. */
export function isConfigKind(name: string): name is ConfigKind {
  return Object.hasOwn(configKinds, name);
}
