/** Runs rules over archived events, as `rules backtest` does. */
import {
  type CommandIo,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import type { ArchiveReader, EventRange, StoredHole } from "../archive/read-archive.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import { expressionEvent } from "../log/keyed-event.ts";
import type { Rule } from "../rules/load-rules.ts";
import { METRICS_STREAM, RULE_LIMITS } from "../rules/rule-set.ts";
import { foundText, RuleRun } from "../rules/run-rule.ts";
import { withArchive } from "./open-archive.ts";

/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH = 65_536;

/** Which archived events: `fromMs` <= time < `toMs`. */
export type BacktestRange = Omit<EventRange, "stream">;

/** The range that `--from` and `--to` name; without them everything. Throws UsageError. */
export function backtestRange(options: Readonly<Record<string, unknown>>): BacktestRange {
  const fromMs = timeOption("--from", options["from"]) ?? Number.NEGATIVE_INFINITY;
  const toMs = timeOption("--to", options["to"]) ?? Number.POSITIVE_INFINITY;
  if (fromMs >= toMs) throw new UsageError("--from must lie before --to");
  return { fromMs, toMs };
}

function timeOption(name: string, text: unknown): number | undefined {
  if (typeof text !== "string") return undefined;
  const timeMs = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
  if (Number.isNaN(timeMs)) {
    throw new UsageError(`${name} ${text} is no time such as 2026-11-25 or 2026-11-25T10:00:00Z`);
  }
  return timeMs;
}

/** Runs rules over the archive that the options name and prints what they find; resolves with the exit code. */
export function backtest(
  rules: readonly Rule[],
  range: BacktestRange,
  options: Readonly<Record<string, unknown>>,
  io: CommandIo,
): Promise<number> | number {
  for (const { config } of rules) {
    if (config.stream !== METRICS_STREAM) continue;
    io.stderr(
      `${config.name}: windows are not archived as events, so a rule over ${METRICS_STREAM} has no backtest\n`,
    );
    return EXIT_USAGE;
  }
  return withArchive(options, io, async (reader, directory) => {
    const streams = Map.groupBy(rules, ({ config }) => config.stream);
    for (const [stream, watching] of streams) {
      const run = new StreamRun(watching, await reader.holes(stream));
      try {
        const count = await runStream(reader, { stream, ...range }, run, io);
        const late = await reader.lateEventCount({ stream, ...range });
        const left = late === 0 ? "" : `; ${late} that had come too late were left out, as then`;
        io.stderr(`${stream}: ${count} events of ${directory}${left}\n`);
      } catch (error) {
        if (!(error instanceof SkipMissError)) throw error;
        io.stderr(`a rule stops: ${error.message}\n`);
        return EXIT_FAILED;
      }
    }
    return EXIT_DONE;
  });
}

async function runStream(
  reader: ArchiveReader,
  range: EventRange,
  run: StreamRun,
  io: CommandIo,
): Promise<number> {
  let text = "";
  let count = 0;
  for await (const { tenant, place, ...event } of reader.events(range)) {
    if (io.signal.aborted) return count;
    count++;
    text += run.take(tenant, expressionEvent(event, place));
    if (text.length < PIECE_LENGTH) continue;
    await io.stdout(text);
    text = "";
  }
  await io.stdout(text + run.advance(range.toMs - 1));
  for (const drop of run.drops) io.stderr(`${drop}\n`);
  return count;
}

type RuleEvent = ReturnType<typeof expressionEvent>;

/** All rules of one stream, for every tenant by itself. */
class StreamRun {
  readonly #rules: readonly Rule[];
  readonly #holes: readonly StoredHole[];
  readonly #runs = new Map<string, readonly RuleRun[]>();

  constructor(rules: readonly Rule[], holes: readonly StoredHole[]) {
    this.#rules = rules;
    this.#holes = holes;
  }

  /** What bounds made rules drop, for people. */
  get drops(): string[] {
    return [...this.#runs.values()].flat().flatMap((run) =>
      run.takeDrops().map(({ count, reason, fromMs }) => {
        const begun = new Date(fromMs).toISOString();
        return `${run.name}: ${count} partial matches were dropped (${reason}), the oldest begun ${begun}`;
      }),
    );
  }

  /** Takes the next event in order and returns what was found. */
  take(tenant: string, event: RuleEvent): string {
    const runs = this.#runsOf(tenant);
    for (const run of runs) run.add(event);
    return this.advance(event.ts - 1);
  }

  /** Lets time pass and returns what was found. */
  advance(timeMs: number): string {
    let text = "";
    for (const run of [...this.#runs.values()].flat()) {
      for (const found of run.advance(timeMs)) text += `${foundText(found)}\n`;
    }
    return text;
  }

  #runsOf(tenant: string): readonly RuleRun[] {
    const known = this.#runs.get(tenant);
    if (known !== undefined) return known;
    const holes = this.#holes.filter((hole) => hole.tenant === tenant);
    const hasHole = (fromMs: number, toMs: number) =>
      holes.some((hole) => hole.fromMs <= toMs && hole.toMs >= fromMs);
    const made = this.#rules.map(
      (rule) => new RuleRun(rule, { tenant, hasHole, limits: RULE_LIMITS }),
    );
    this.#runs.set(tenant, made);
    return made;
  }
}
