import type { StateView } from "../log/log.ts";
import { rangeOf } from "./keys.ts";
import { decodeRuleRow, type RuleRow } from "./rule-rows.ts";

/** The versions of rules of one partition of stage 2, those being deleted among them. */
export function* readRules(view: StateView): Iterable<RuleRow> {
  const { from, to } = rangeOf("rule/");
  for (const [, bytes] of view.range(from, to)) yield decodeRuleRow(bytes);
}
