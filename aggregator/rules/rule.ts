/** What a rule file says: the pattern, the stream it watches, and the alert that a match becomes. One rule a file. */
import { z } from "zod";
import { duration } from "../../shared/config/units.ts";
import { checkExpression } from "../../shared/expression/check.ts";
import { parseExpression } from "../../shared/expression/parse.ts";
import { compilePattern } from "../cep/compile.ts";
import { type PatternFault, patternShape, type Stage } from "../cep/pattern.ts";
import { isNegated } from "../cep/quantifier.ts";
import { compileDetails } from "./alert-details.ts";
import { compileTemplate } from "./message-template.ts";

/** How urgent an alert is. */
const SEVERITIES = ["info", "warning", "critical"] as const;

/** What an alert says anyway. */
const DETAILS_OWN = [
  "rule",
  "kind",
  "key",
  "firstEvent",
  "durationMs",
  "stages",
  "condition",
  "values",
  "since",
  "window",
  "contributors",
  "exemplars",
  "link",
  "runbook",
];

/** What a match, or a condition that holds, becomes. */
export const alertSchema = z.strictObject({
  type: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, { error: "expected a type such as FRAUD_SUSPICION" })
    .meta({ description: "What kind of alert it is." }),
  severity: z.enum(SEVERITIES).meta({ description: "How urgent it is." }),
  message: z.string().min(1).meta({
    description: "For people; {{key}}, {{amount}}, {{sum(first.amount)}} are filled in.",
  }),
  details: z
    .record(
      z
        .string()
        .regex(/^[a-zA-Z_]\w*$/, { error: "expected a name of letters, digits and _" })
        .refine((name) => !DETAILS_OWN.includes(name), {
          error: "an alert has this detail anyway",
        }),
      z.string(),
    )
    .prefault({})
    .meta({ description: "Expressions whose values the alert tells under these names." }),
  cooldown: duration({ max: "365d" }).prefault("0s").meta({
    description: "Matches of the same key within this time of an alert raise no further one.",
  }),
});

/** Name of a rule of any kind. */
export const ruleName = z
  .string()
  .regex(/^[a-z0-9]+(-[a-z0-9]+)*$/, { error: "expected a name such as account-takeover" })
  .meta({ description: "Name of the rule, unique among all rules." });

/** Summary of a rule of any kind. */
export const ruleSummary = z.string().min(1).meta({ description: "What it finds, in a sentence." });

const ruleShape = z.strictObject({
  name: ruleName,
  summary: ruleSummary,
  stream: z.string().min(1).meta({
    description:
      "Events it sees: business-events, system-metrics, application-logs, service-metrics or a stream that agents name.",
  }),
  ...patternShape,
  alert: alertSchema.meta({ description: "What a match becomes." }),
  onTimeout: z.enum(["ignore", "alert"]).prefault("ignore").meta({
    description: "What a partial match becomes when its time runs out.",
  }),
  on_hole: z.enum(["emit", "suppress"]).prefault("emit").meta({
    description: "What happens to matches that may lack events which were shed.",
  }),
});

/** A rule as it stands in its file. */
export type RuleConfig = z.output<typeof ruleShape>;

/** Schema of a rule file; a pattern that cannot be compiled is a fault at its place. */
export const ruleSchema = ruleShape.superRefine((rule, context) => {
  const faults = [...(compilePattern(rule).faults ?? []), ...stageFaults(rule.stages)];
  const stages = rule.stages.filter((stage) => !isNegated(stage)).map(({ name }) => name);
  for (const message of compileTemplate(rule.alert.message, stages).faults ?? []) {
    faults.push({ path: ["alert", "message"], message });
  }
  for (const { name, message } of compileDetails(rule.alert.details, stages).faults ?? []) {
    faults.push({ path: ["alert", "details", name], message });
  }
  for (const { path, message } of faults) {
    context.addIssue({ code: "custom", path: [...path], message });
  }
});

/** Conditions that ask about stages which do not exist, come later or never take anything. */
function stageFaults(stages: readonly Stage[]): PatternFault[] {
  const known: string[] = [];
  return stages.flatMap((stage, index) => {
    if (!isNegated(stage)) known.push(stage.name);
    return (["where", "or", "until"] as const).flatMap((key) =>
      [stage[key] ?? []].flat().flatMap((text) => {
        const { expression } = parseExpression(text);
        if (expression === undefined) return [];
        return checkExpression(expression, { stages: known }).map(({ offset, message }) => ({
          path: ["stages", index, key],
          message: `${message} (at character ${offset + 1})`,
        }));
      }),
    );
  });
}
