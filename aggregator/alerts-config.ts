/** The part `alerts` of aggregator.yaml: what holds for alerts of all rules. */
import { z } from "zod";
import type { InhibitRule } from "./alerts/inhibition.ts";
import { parseMatcher, wantedMatcher } from "./alerts/matchers.ts";

/** A checked `alerts`, under the names of the program. */
export interface AlertsConfig {
  readonly externalUrl: string | undefined;
  readonly inhibitRules: readonly InhibitRule[];
}

const matcher = z.string().transform((text, context) => {
  const parsed = parseMatcher(text);
  if (parsed !== undefined) return parsed;
  const message = `expected ${wantedMatcher(text)}`;
  context.issues.push({ code: "custom", message, input: text });
  return z.NEVER;
});

const matchers = () => z.array(matcher).min(1).max(64);

/** Schema of `alerts`. */
export const alertsSettings = z
  .strictObject({
    external_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .meta({
        description: "Where people reach this aggregator: alerts link to it.",
        examples: ["https://tailrace.example.org"],
      }),
    inhibit_rules: z
      .array(
        z
          .strictObject({
            source_matchers: matchers().meta({ description: "Alerts that are the cause." }),
            target_matchers: matchers().meta({ description: "Alerts that then notify nobody." }),
            equal: z
              .array(z.string().min(1))
              .prefault([])
              .meta({ description: "Labels that both must have in common." }),
          })
          .transform(({ source_matchers, target_matchers, equal }) => ({
            sourceMatchers: source_matchers,
            targetMatchers: target_matchers,
            equal,
          })),
      )
      .prefault([])
      .meta({
        description: "While a cause fires, its consequences notify nobody; as in Alertmanager.",
        examples: [
          [
            {
              source_matchers: ["severity=critical"],
              target_matchers: ["severity=warning"],
              equal: ["service"],
            },
          ],
        ],
      }),
  })
  .meta({ description: "What holds for the alerts of all rules." });
