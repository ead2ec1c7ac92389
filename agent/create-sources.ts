/** From the configuration to the sources that read. */

import { LEVEL_INDEX } from "../shared/aggregates/aggregate.ts";
import { wantsDetail } from "../shared/events/aggregate-config.ts";
import { compileAggregation, compileCondition } from "../shared/events/compile-aggregation.ts";
import { eventOptions } from "../shared/events/event-options.ts";
import type { Logger } from "../shared/log.ts";
import type { Platform } from "../shared/platform/platform.ts";
import { compileRedaction } from "../shared/redaction/compile-redaction.ts";
import type { Redactor } from "../shared/redaction/redactor.ts";
import type { AgentConfig, SourceConfig } from "./config.ts";
import { createLiveSource } from "./create-live-source.ts";
import { FileSource } from "./source/file-source.ts";
import type { Source } from "./source/source.ts";
import type { SpoolState } from "./spool/spool-state.ts";
import { createSelectingCounter, type SelectingOptions } from "./window/create-line-counter.ts";
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

/** The sources of the configuration, in its order; nothing is looked at yet. */
export function createSources(options: SourcesOptions): Source[] {
  const { config, state, platform, once, logger } = options;
  const redactor = compileRedaction(config.redact);
  const checkpoints = state.checkpoints();
  const ledger = state.ledger();
  warnOfNewNames(options);
  return config.sources.map((source) => {
    const leaving = leavingOptions(source, options, redactor);
    if (source.type !== "file") return createLiveSource(source, options, leaving);
    const isKnown = once || state.hasSource(source.name);
    const service = source.service ?? source.name;
    return new FileSource({
      name: source.name,
      settings: {
        paths: source.paths,
        exclude: source.exclude,
        service,
        isServiceByContainer: source.service === undefined,
        lineBytesMax: source.max_line,
        rotateWaitMs: source.rotate_wait,
        eventWaitMs: source.multiline.max_wait,
        idleAfterMs: source.idle_after,
        handleCountMax: source.max_open_files,
      },
      platform,
      counter: createSelectingCounter({
        ...leaving,
        stream: source.stream,
        format: source.format,
        ...eventOptions(source),
        nowMs: () => platform.clock.now(),
        servicesMax: source.max_services,
        onFormat: (choice, file) =>
          logger.info("format of a file found", {
            source: source.name,
            format: choice.format,
            fits: choice.lines,
            sampled: choice.sampled,
            path: file === undefined ? undefined : state.checkpoint(file)?.path,
          }),
      }),
      checkpoints,
      ledger,
      allocateFile: () => state.allocateFile(),
      startAt: isKnown ? "beginning" : source.start_at,
      maxFutureMs: config.max_future,
      once,
      logger,
    });
  });
}

/** Positions are kept by the names of sources: one that gets another name begins anew, which should not go unnoticed. */
function warnOfNewNames({ config, names, state, logger, once }: SourcesOptions): void {
  const stored = new Set(state.checkpoints().map(({ source }) => source));
  const gone = [...stored].filter((name) => !names.includes(name));
  if (gone.length === 0 || once) return;
  for (const { name } of config.sources) {
    if (state.hasSource(name)) continue;
    logger.warn(
      "a source is new, and positions are stored of one that is gone: if it was renamed, give it its old name back, or it begins where start_at says",
      { source: name, gone: gone.join(", ") },
    );
  }
}

/** What of a source's lines leaves the host, and as what; the same for all kinds of sources. */
export type LeavingOptions = Pick<
  SelectingOptions,
  "source" | "selection" | "redactor" | "detail" | "lines"
>;

function leavingOptions(
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

/** The sources that are new, or configured otherwise than before. */
export function changedSources(before: AgentConfig, after: AgentConfig): AgentConfig["sources"] {
  if (before.max_future !== after.max_future) return after.sources;
  const known = new Set(before.sources.map((source) => JSON.stringify(source)));
  return after.sources.filter((source) => !known.has(JSON.stringify(source)));
}
