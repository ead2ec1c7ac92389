/** From the configuration to the sources that are not files. */

import type { SourceConfig, SourceConfigOf } from "./config.ts";
import { lineKindOf } from "./line-kind.ts";
import { HostFeed } from "./source/host-feed.ts";
import { JournalFeed } from "./source/journal-feed.ts";
import type { LineFeed } from "./source/line-feed.ts";
import { LiveSource } from "./source/live-source.ts";
import { StdinFeed } from "./source/stdin-feed.ts";
import { SyslogFeed } from "./source/syslog-feed.ts";
import type { LeavingOptions, SourcesOptions } from "./source-options.ts";
import { createSelectingCounter } from "./window/create-selecting-counter.ts";

/** One checked entry of `sources` that is no file. */
export type LiveSourceConfig = Exclude<SourceConfig, SourceConfigOf<"file">>;

/** A source of lines that come once; nothing is received yet. */
export function createLiveSource(
  source: LiveSourceConfig,
  options: SourcesOptions,
  leaving: LeavingOptions,
): LiveSource {
  const { config, state, platform, once, logger } = options;
  const { name } = source;
  const { format, service, options: lineOptions } = lineKindOf(source);
  return new LiveSource({
    name,
    feed: createFeed(source, options),
    counter: createSelectingCounter({
      ...leaving,
      stream: source.stream,
      format,
      ...lineOptions,
      nowMs: () => platform.clock.now(),
      servicesMax: source.max_services,
      onFormat: (choice) =>
        logger.info("format of a source found", {
          ...{ source: name, format: choice.format, fits: choice.lines, sampled: choice.sampled },
        }),
    }),
    clock: platform.clock,
    checkpoints: state.checkpoints(),
    ledger: state.ledger(),
    allocateFile: () => state.allocateFile(),
    service,
    eventWaitMs: "multiline" in source ? source.multiline.max_wait : 0,
    idleAfterMs: source.idle_after,
    maxFutureMs: config.max_future,
    once,
    logger,
  });
}

function createFeed(source: LiveSourceConfig, options: SourcesOptions): LineFeed {
  const { platform, once, host, logger } = options;
  if (source.type === "host") {
    return new HostFeed({
      ...{ disk: platform.disk, clock: platform.clock, timers: platform.timers, host, once },
      intervalMs: source.interval,
      procfs: source.procfs,
    });
  }
  if (source.type === "journald") return createJournalFeed(source, options);
  if (source.type === "stdin") {
    return new StdinFeed(platform.standardInput, source.max_line, logger);
  }
  const { tls } = source;
  return new SyslogFeed({
    ...{ sockets: platform.sockets, disk: platform.disk, clock: platform.clock },
    addresses: source.listen,
    tls: tls && { certificate: tls.certificate, key: tls.key, authorities: tls.client_ca },
    messageBytesMax: source.max_message,
    connectionCountMax: source.max_connections,
    idleMs: source.idle_timeout,
    queueBytesMax: source.max_queue,
  });
}

function createJournalFeed(
  source: SourceConfigOf<"journald">,
  { platform, once, logger, state }: SourcesOptions,
): JournalFeed {
  return new JournalFeed({
    processes: platform.processes,
    program: source.command,
    operands: [
      ...source.units.map((unit) => `--unit=${unit}`),
      ...source.identifiers.map((identifier) => `--identifier=${identifier}`),
      ...(source.directory === undefined ? [] : [`--directory=${source.directory}`]),
    ],
    startAt: once || state.hasSource(source.name) ? "beginning" : source.start_at,
    lineBytesMax: source.max_line,
    ...{ once, logger },
  });
}
