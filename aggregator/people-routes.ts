import type { Platform } from "../shared/platform/platform.ts";
import { alertRoutes } from "./alert-routes.ts";
import { inventoryRoutes } from "./inventory-routes.ts";
import type { StateView } from "./log/log.ts";
import type { WakeList } from "./log/wake-list.ts";
import type { Processor } from "./process/processor.ts";
import { operateOn } from "./processor-operations.ts";
import type { Route } from "./router.ts";
import type { RuleSet } from "./rules/rule-set.ts";
import { answerLateEvents } from "./serve/late-events.ts";
import { answerLines } from "./serve/lines.ts";
import { answerRules } from "./serve/rules.ts";
import { readCollectRow } from "./state/read-agents.ts";

/** What the paths need that people ask, and their programs. */
export interface PeopleParts {
  readonly processor: Processor;
  readonly platform: Platform;
  readonly rules: () => RuleSet;
  /** Told of every commit. */
  readonly commits: WakeList;
}

/** The paths for alerts, silences, raw lines, rules, services, the ledger and live updates. */
export function peopleRoutes({ processor, platform, rules, commits }: PeopleParts): Route[] {
  const { timers, random, clock } = platform;
  const views = () => processor.windowViews();
  return [
    ...alertRoutes({
      ...{ timers, random, views },
      nowMs: () => logClockMs(processor.agentViews()) ?? clock.now(),
      operate: (tenant, operation) => operateOn(processor, timers, { tenant, operation }),
    }),
    ...inventoryRoutes({
      timers,
      partitions: () => processor.windowPartitions(),
      view: (partition) => processor.windowView(partition),
      nextCommit: (signal) => commits.wait(signal),
      collected: () => processor.agentViews(),
      processed: views,
    }),
    {
      ...{ method: "GET", path: "/v1/lines", scope: "read" },
      handle: ({ query, principal }) => answerLines({ timers, views }, principal.tenant, query),
    },
    {
      ...{ method: "GET", path: "/v1/rules", scope: "read" },
      handle: async ({ query, principal }) => {
        const thresholds = rules().thresholds.map(({ id, config }) => ({ id, ...config }));
        return answerRules(views(), principal.tenant, query, thresholds);
      },
    },
    {
      ...{ method: "GET", path: "/v1/late-events", scope: "read" },
      handle: async ({ query, principal }) => answerLateEvents(views(), principal.tenant, query),
    },
  ];
}

/** The log's clock as of stage 1 of all partitions; undefined before the first tick. */
export function logClockMs(views: readonly StateView[]): number | undefined {
  const clocks = views.flatMap((view) => readCollectRow(view).clockMs ?? []);
  return clocks.length === 0 ? undefined : Math.max(...clocks);
}
