import type { Route } from "./router.ts";
import { type AlertSource, answerAlerts } from "./serve/alerts.ts";
import { type OperationSource, OperationsApi } from "./serve/operate-alerts.ts";

/** The paths under which alerts, silences and the audit log are found. */
export function alertRoutes(source: AlertSource & OperationSource): Route[] {
  const operations = new OperationsApi(source);
  return [
    {
      ...{ method: "GET", path: "/v1/alerts", scope: "read" },
      handle: ({ query, principal }) => answerAlerts(source, principal.tenant, query),
    },
    {
      ...{ method: "GET", path: "/v1/alerts/groups", scope: "read" },
      handle: async ({ query, principal }) => operations.groups(principal.tenant, query),
    },
    {
      ...{ method: "GET", path: "/v1/alerts/{id}", scope: "read" },
      handle: async ({ principal, parameters }) =>
        operations.alert(principal.tenant, parameters["id"] ?? ""),
    },
    {
      ...{ method: "POST", path: "/v1/alerts/{id}/acknowledge", scope: "operate" },
      handle: ({ request, principal, parameters }) =>
        operations.acknowledge(principal, parameters["id"] ?? "", request),
    },
    {
      ...{ method: "GET", path: "/v1/silences", scope: "read" },
      handle: async ({ query, principal }) => operations.silences(principal.tenant, query),
    },
    {
      ...{ method: "POST", path: "/v1/silences", scope: "operate" },
      handle: ({ request, principal }) => operations.addSilence(principal.tenant, request),
    },
    {
      ...{ method: "GET", path: "/v1/silences/{id}", scope: "read" },
      handle: async ({ principal, parameters }) =>
        operations.silence(principal.tenant, parameters["id"] ?? ""),
    },
    {
      ...{ method: "DELETE", path: "/v1/silences/{id}", scope: "operate" },
      handle: ({ principal, parameters, query }) =>
        operations.expireSilence(principal, parameters["id"] ?? "", query),
    },
    {
      ...{ method: "GET", path: "/v1/audit", scope: "operate" },
      handle: async ({ query }) => operations.audit(query),
    },
  ];
}
