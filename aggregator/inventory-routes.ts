import { jsonAnswer } from "../shared/protocol/http-answer.ts";
import type { StateView } from "./log/log.ts";
import type { Route } from "./router.ts";
import { apiDocument } from "./serve/api-document.ts";
import { answerLedger, answerServices } from "./serve/inventory.ts";
import { type LiveSource, LiveUpdates } from "./serve/live-updates.ts";

/** What these paths need. */
export interface InventorySource extends LiveSource {
  /** The state of each partition of stage 1 that this process holds, as of the last commit. */
  collected(): readonly StateView[];
  /** The same of stage 2. */
  processed(): readonly StateView[];
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
