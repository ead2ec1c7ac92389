/** What sources are made from, and what of their lines leaves the host: the same for all kinds of sources. */

import { LEVEL_INDEX } from "../shared/aggregates/aggregate.ts";
import { wantsDetail } from "../shared/events/aggregate-config.ts";
import { compileAggregation, compileCondition } from "../shared/events/compile-aggregation.ts";
import type { Logger } from "../shared/log.ts";
import type { Platform } from "../shared/platform/platform.ts";
import type { Redactor } from "../shared/redaction/redactor.ts";
import type { AgentConfig, SourceConfig } from "./config.ts";
import type { SpoolState } from "./spool/spool-state.ts";
import type { SelectingOptions } from "./window/create-selecting-counter.ts";
import type { EventSelection } from "./window/event-selection.ts";
import type { LinesConfig } from "./window/lines-config.ts";
import { PendingLines } from "./window/pending-lines.ts";
import type { LineSelection } from "./window/selecting-line-counter.ts";

/** What sources are made from. */
export interface SourcesOptions {
  readonly platform: Pick<
    Platform,
    "clock" | "disk" | "gunzip" | "processes" | "sockets" | "standardInput" | "timers"
  >;
  readonly config: AgentConfig;
  /** Names of all sources that are configured, also of those that are made already. */
  readonly names: readonly string[];
  /** Name of the agent. */
  readonly agent: string;
  /** Name of the host. */
  readonly host: string;
  readonly selection: EventSelection;
  /** Where to go on. */
  readonly state: SpoolState;
  /** True to read everything from its beginning to its end, and then be done. */
  readonly once: boolean;
  readonly logger: Logger;
}

/** What of a source's lines leaves the host, and as what. */
export type LeavingOptions = Pick<
  SelectingOptions,
  "source" | "selection" | "redactor" | "detail" | "lines"
>;

/** See {@link LeavingOptions}. */
export function leavingOptions(
  source: SourceConfig,
  { agent, host, selection, platform }: SourcesOptions,
  redactor: Redactor,
): LeavingOptions {
  const { name, aggregate } = source;
  const detail = wantsDetail(aggregate)
    ? { agent, host, source: name, aggregation: compileAggregation(aggregate, redactor) }
    : undefined;
  const lines =
    source.lines === undefined
      ? undefined
      : selectLines(source.lines, agent, () => platform.clock.monotonic());
  return { source: name, selection, redactor, detail, lines };
}

function selectLines(config: LinesConfig, agent: string, nowMs: () => number): LineSelection {
  const { min_level, where, lines_per_second, bytes_per_second, sample } = config;
  const limits = {
    lineRate: lines_per_second,
    byteRate: bytes_per_second,
    sampleOf: sample,
  };
  return {
    minLevel: LEVEL_INDEX[min_level],
    where: where === undefined ? undefined : compileCondition(where),
    pending: new PendingLines(agent, limits, nowMs),
  };
}
