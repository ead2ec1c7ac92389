import { z } from "zod";
import type { Dimensions } from "../../shared/aggregates/dimensions.ts";
import { duration } from "../../shared/config/units.ts";
import type { Logger } from "../../shared/log.ts";
import type { Platform } from "../../shared/platform/platform.ts";

/** Where an alert stands. Pending ones are given to no sink. */
export const ALERT_STATES = ["pending", "firing", "acknowledged", "resolved"] as const;

/** What a sink is given to write: the newest revision of one window. */
export interface WindowResult {
  /** The same for every revision of the window, and for no other window of any tenant. */
  readonly id: string;
  readonly tenant: string;
  readonly stream: string;
  readonly service: string;
  /** None when left out: the window of all of the service. */
  readonly dimensions?: Dimensions | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly windowStartMs: number;
  /** Milliseconds since the Unix epoch; not part of the window. */
  readonly windowEndMs: number;
  /** Rises with every change of the window. */
  readonly revision: number;
  /** The window as every interface shows it, without a line end. */
  readonly json: string;
}

/** What a sink is given to write: one revision of an alert, once. */
export interface AlertResult {
  /** The same for all revisions of the alert, and for no other alert. */
  readonly id: string;
  readonly tenant: string;
  /** Name of the rule that raised it. */
  readonly rule: string;
  readonly alertType: string;
  readonly severity: string;
  /** Event time of what raised it, milliseconds since the Unix epoch. */
  readonly timestampMs: number;
  /** Rises with every change of the alert; a match has one, until somebody acknowledges it. */
  readonly revision: number;
  readonly state: (typeof ALERT_STATES)[number];
  /** True when nobody is to be notified of it: it is silenced or inhibited. */
  readonly isSuppressed: boolean;
  /** The alert as every interface shows it, without a line end. */
  readonly json: string;
}

/** What a sink is given of a raw line, once: it has the form of a window that begins and ends at the line's time. */
export type LineResult = WindowResult;

/** What a sink is given to write: a window, a raw line or an alert. */
export type Result = WindowResult | AlertResult;

/** The kinds of results. Each has a cursor of its own in every sink that takes it. */
export const RESULT_KINDS = ["windows", "alerts", "lines"] as const;

/** See {@link RESULT_KINDS}. */
export type ResultKind = (typeof RESULT_KINDS)[number];

/** Tells an alert from a window and a raw line. */
export function isAlert(result: Result): result is AlertResult {
  return "alertType" in result;
}

/** What a sink is given once: a window in its newest state, but of an alert every revision. */
export function writeKey(result: Result): string {
  return isAlert(result) ? `${result.id}#${result.revision}` : result.id;
}

/** When a result is over: the end of its window, or the moment of the alert; milliseconds since the Unix epoch. */
export function endMsOf(result: Result): number {
  return isAlert(result) ? result.timestampMs : result.windowEndMs;
}

/** A result that a sink did not take. */
export interface WriteFailure {
  /** Place in the results that were given to `write`. */
  readonly index: number;
  readonly reason: string;
  /** False: it will never be taken, and goes to the dead letters. */
  readonly isRetryable: boolean;
}

/** What became of one write. */
export interface WriteReport {
  /** Everything not named here is settled: written, or counted below. */
  readonly failures: readonly WriteFailure[];
  /** How many the store left as they were, since it holds this revision or a newer one. */
  readonly supersededCount?: number;
  /** How many this sink does not keep: of another stream, or beyond its retention. */
  readonly ignoredCount?: number;
  /** The store was replaced: what was written in so many milliseconds before may be lost, and is written again. */
  readonly lostMs?: number | undefined;
  /** The store asks not to be tried before this many milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** What a write needs beside the results. */
export interface WriteContext {
  /** Aborts when the write takes too long or the program stops: settle soon. */
  readonly signal: AbortSignal;
  /** The watermark in milliseconds since the Unix epoch, undefined before the first; retention is measured from it. */
  readonly watermarkMs: number | undefined;
}

/**
 * What a result that comes again does, as it may after any failure and in another life of the program.
 *
 * - `idempotent`: nothing, and the store itself refuses a lower revision than it holds.
 * - `last_wins`: it replaces what is there. After a write of which nobody knows whether it arrived, the same results are written once more
 *   when that one can no longer arrive, so that in the end the newest revision stands.
 * - `at_least_once`: it arrives again, with the same id and revision.
 * - `exactly_once`: it cannot come again; the position kept with the cursor decides.
 */
export type DeliveryKind = "idempotent" | "last_wins" | "at_least_once" | "exactly_once";

/**
 * A sink, opened for one kind of results of one partition: a sink that takes several kinds is opened once for each. `write` is never called twice at once.
 * A rejection means that nothing is known of the write, and all of it is to be tried again.
 */
export interface Sink {
  /** What the sink wants to be opened with next time, as of its last write; kept together with the cursor. Undefined when it keeps nothing. */
  readonly position: string | undefined;
  write(results: readonly Result[], context: WriteContext): Promise<WriteReport>;
  close(): Promise<void>;
}

/** What a sink gets when it is opened. */
export interface SinkContext {
  readonly name: string;
  /** The kind of results that it will be given. */
  readonly results: ResultKind;
  /** The partition of stage 2 whose results it will be given; undefined where there is only one. A sink is opened for each. */
  readonly partition?: number | undefined;
  readonly platform: Platform;
  readonly logger: Logger;
  /** {@link Sink.position} as it was kept with the cursor; undefined at the very first start. */
  readonly position: string | undefined;
  /** Alerts that fire now, as of the last commit; absent for other results. */
  readonly firing?: (() => readonly AlertResult[]) | undefined;
}

/** Opens one configured sink; may be called again after the one before was closed. */
export type OpenSink = (context: SinkContext) => Promise<Sink>;

/** What every sink's configuration says, under the names of the program. */
export interface SinkSettings {
  readonly name: string;
  readonly type: string;
  /** A write begins when this many results wait … */
  readonly batch_count: number;
  /** … or the first of them has waited this long; milliseconds. */
  readonly flush_interval: number;
  /** Longest time of one write; milliseconds. */
  readonly write_timeout: number;
  /** Refused results that are kept; beyond it the oldest are dropped and counted. */
  readonly dead_letter_count: number;
}

/** A sink as a checked configuration describes it, ready to be opened. */
export interface ConfiguredSink {
  readonly name: string;
  readonly type: string;
  readonly delivery: DeliveryKind;
  readonly batchCount: number;
  readonly flushIntervalMs: number;
  readonly writeTimeoutMs: number;
  readonly deadLetterCountMax: number;
  /** Width of the windows that it gets; minutes are merged before delivery. */
  readonly windowMinutes: number;
  /** The kinds of results that it takes. */
  readonly results: readonly ResultKind[];
  /** Files that it writes, which no other sink may, by the keys that name them. */
  readonly files: readonly SinkFile[];
  readonly open: OpenSink;
}

/** A file that a sink writes. */
export interface SinkFile {
  /** Key of its configuration. */
  readonly key: string;
  readonly path: string;
}

/** One kind of sink. */
export interface SinkDefinition<Config extends SinkSettings> {
  /** One line for the reference page. */
  readonly summary: string;
  readonly delivery: DeliveryKind;
  /** {@link ConfiguredSink.windowMinutes}, or what it is for a sink so configured. */
  readonly windowMinutes: number | ((config: Config) => number);
  /** The kinds of results that a sink so configured takes; absent: windows. */
  readonly results?: (config: Config) => readonly ResultKind[];
  /** {@link ConfiguredSink.files} of a sink so configured; absent: none. */
  readonly files?: (config: Config) => readonly SinkFile[];
  /** A strict object that begins with {@link sinkSettings}. */
  readonly config: SchemaOf<Config>;
  /** Called for each kind of results, and again after the one before was closed. */
  readonly open: (config: Config, context: SinkContext) => Promise<Sink>;
}

type SchemaOf<Output> = z.ZodType<Output> & z.core.$ZodTypeDiscriminable;

/** A kind of sink whose configuration's type is closed over: what the registry holds. */
export interface SinkKind {
  readonly summary: string;
  readonly delivery: DeliveryKind;
  /** Checks an entry of `sinks:`. */
  readonly schema: SchemaOf<ConfiguredSink>;
}

/** How results are gathered before a write. */
export interface Batching {
  readonly batch_count: number;
  readonly flush_interval: string;
}

/** For stores: few large writes. */
const STORE_BATCHING: Batching = { batch_count: 100, flush_interval: "5s" };

/** For services that people watch: smaller writes, sooner. */
export const EXTERNAL_BATCHING: Batching = { batch_count: 50, flush_interval: "3s" };

/** The keys that all sinks have; `type` tells the kinds apart. */
export function sinkSettings<Type extends string>(type: Type, batching = STORE_BATCHING) {
  return {
    name: z
      .string()
      .regex(/^[A-Za-z0-9._-]{1,64}$/, {
        error: "expected 1 to 64 letters, digits, dots, hyphens and underscores",
      })
      .meta({
        description: "Name of the sink; its place in the results is kept under it.",
        examples: ["hot"],
      }),
    type: z.literal(type).meta({ description: "Kind of the sink." }),
    batch_count: z.int().min(1).max(10_000).prefault(batching.batch_count).meta({
      description: "A write begins when this many results wait.",
    }),
    flush_interval: duration({ max: "10m" }).prefault(batching.flush_interval).meta({
      description: "A write begins when the first waiting result has waited this long.",
    }),
    write_timeout: duration({ min: "100ms", max: "10m" }).prefault("30s").meta({
      description: "Longest time of one write; then it is tried again.",
    }),
    dead_letter_count: z.int().min(1).max(1_000_000).prefault(10_000).meta({
      description: "Refused results that are kept; beyond it the oldest are dropped and counted.",
    }),
  };
}

/** The key `results` of a sink that can take several kinds; `kinds` are those it takes unless told otherwise, `all` those it can. */
export function resultsSetting(
  kinds: readonly ResultKind[],
  all: readonly ResultKind[] = ["windows", "alerts"],
) {
  return z
    .array(z.enum(all))
    .min(1)
    .check(({ value, issues }) => {
      if (new Set(value).size === value.length) return;
      issues.push({ code: "custom", message: "names a kind twice", input: value });
    })
    .prefault([...kinds])
    .meta({ description: "What is written: windows, alerts or both." });
}

/** States the types of a sink's definition, and closes over them. */
export function defineSink<Config extends SinkSettings>(
  definition: SinkDefinition<Config>,
): SinkKind {
  const { summary, delivery, windowMinutes, results = () => ["windows"] } = definition;
  const schema = definition.config.transform((config) => ({
    name: config.name,
    type: config.type,
    delivery,
    batchCount: config.batch_count,
    flushIntervalMs: config.flush_interval,
    writeTimeoutMs: config.write_timeout,
    deadLetterCountMax: config.dead_letter_count,
    windowMinutes: typeof windowMinutes === "number" ? windowMinutes : windowMinutes(config),
    results: results(config),
    files: definition.files?.(config) ?? [],
    open: (context: SinkContext) => definition.open(config, context),
  }));
  return { summary, delivery, schema };
}
