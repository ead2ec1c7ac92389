/** From the configuration to the sources that read. */

import { eventOptions } from "../shared/events/event-options.ts";
import { compileRedaction } from "../shared/redaction/compile-redaction.ts";
import type { AgentConfig } from "./config.ts";
import { createLiveSource } from "./create-live-source.ts";
import { FileSource } from "./source/file-source.ts";
import type { Source } from "./source/source.ts";
import { leavingOptions, type SourcesOptions } from "./source-options.ts";
import { createSelectingCounter } from "./window/create-selecting-counter.ts";

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

/** The sources that are new, or configured otherwise than before. */
export function changedSources(before: AgentConfig, after: AgentConfig): AgentConfig["sources"] {
  if (before.max_future !== after.max_future) return after.sources;
  const known = new Set(before.sources.map((source) => JSON.stringify(source)));
  return after.sources.filter((source) => !known.has(JSON.stringify(source)));
}
