import { jsonAnswer } from "../shared/protocol/http-answer.ts";
import type { StateView } from "./log/log.ts";
import type { Route } from "./router.ts";
import type { RuleSet } from "./rules/rule-set.ts";
import { apiDocument } from "./serve/api-document.ts";
import { answerLedger, answerRules, answerServices, type RuleJson } from "./serve/inventory.ts";
import { type LiveSource, LiveUpdates } from "./serve/live-updates.ts";

/** What these paths need. */
export interface InventorySource extends LiveSource {
  /** The state of each partition of stage 1 that this process holds, as of the last commit. */
  collected(): readonly StateView[];
  /** The same of stage 2. */
  processed(): readonly StateView[];
  rules(): RuleSet;
}

/** The version of the API that the document describes. */
const API_VERSION = "1.0.0";

/** The paths that tell what there is, what changes, and how to ask. */
export function inventoryRoutes(source: InventorySource): Route[] {
  const live = new LiveUpdates(source);
  const document = apiDocument(API_VERSION);
  return [
    {
      ...{ method: "GET", path: "/v1/services", scope: "read" },
      handle: async ({ query, principal }) =>
        answerServices(source.processed(), principal.tenant, query),
    },
    {
      ...{ method: "GET", path: "/v1/rules", scope: "read" },
      handle: async ({ principal }) =>
        answerRules(rulesOf(source.rules()), source.processed(), principal.tenant),
    },
    {
      ...{ method: "GET", path: "/v1/ledger", scope: "read" },
      handle: async ({ query, principal }) => {
        const parts = { collected: source.collected(), processed: source.processed() };
        return answerLedger(parts, principal.tenant, query);
      },
    },
    {
      ...{ method: "GET", path: "/v1/stream", scope: "read" },
      handle: async ({ query, principal, request }) =>
        live.answer(principal.tenant, query, request.headers["last-event-id"]),
    },
    {
      ...{ method: "GET", path: "/v1/openapi.json", scope: undefined },
      handle: async () => jsonAnswer(200, document),
    },
  ];
}

function rulesOf({ rules, thresholds }: RuleSet): Omit<RuleJson, "openAlerts">[] {
  const patterns = rules.map(({ rule }) => ({
    kind: "pattern" as const,
    ...described(rule.config),
  }));
  return [
    ...patterns,
    ...thresholds.map(({ config }) => ({
      kind: "threshold" as const,
      ...described(config),
      ...(config.condition === undefined ? {} : { condition: config.condition }),
    })),
  ];
}

function described(config: {
  readonly name: string;
  readonly summary: string;
  readonly stream: string;
  readonly alert: { readonly type: string; readonly severity: string };
}) {
  const { name, summary, stream, alert } = config;
  return { name, summary, stream, alertType: alert.type, severity: alert.severity };
}
