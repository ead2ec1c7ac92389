import type { Route } from "./router.ts";
import { EventsApi } from "./sources/events-api.ts";
import type { PostedParts } from "./sources/posted-records.ts";

/** The paths to which events are posted. */
export function eventRoutes(parts: PostedParts): Route[] {
  const events = new EventsApi(parts);
  return [
    {
      ...{ method: "POST", path: "/v1/events", scope: "ingest" },
      handle: ({ request, query, principal }) => events.events(request, query, principal),
    },
    {
      ...{ method: "POST", path: "/v1/logs", scope: "ingest" },
      handle: ({ request, principal }) => events.logs(request, principal),
    },
  ];
}
