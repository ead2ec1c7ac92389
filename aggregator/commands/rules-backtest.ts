/** Runs rules over archived events and windows, as `rules backtest` does. */
import { type CommandIo, EXIT_DONE, EXIT_FAILED, UsageError } from "../../shared/command.ts";
import { MINUTE_MS } from "../../shared/time/window.ts";
import type { ArchiveReader, EventRange, StoredHole } from "../archive/read-archive.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import { expressionEvent } from "../log/keyed-event.ts";
import { metricsPlace, metricsRow } from "../process/metrics-event.ts";
import type { Rule } from "../rules/load-rules.ts";
import { METRICS_STREAM, RULE_LIMITS } from "../rules/rule-set.ts";
import type { TestedRules } from "../rules/rule-test.ts";
import { foundText, RuleRun } from "../rules/run-rule.ts";
import { makeSeries } from "../state/keys.ts";
import { withArchive } from "./open-archive.ts";
import { backtestThresholds } from "./rules-windows.ts";
import { timeFlag } from "./time-flag.ts";

/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH = 65_536;

/** Which archived events: `fromMs` <= time < `toMs`. */
export type BacktestRange = Omit<EventRange, "stream">;

/** The range that `--from` and `--to` name; without them everything. Throws UsageError. */
export function backtestRange(
  options: Readonly<Record<string, unknown>>,
  nowMs: number,
): BacktestRange {
  const fromMs = timeFlag("--from", options["from"], nowMs) ?? Number.NEGATIVE_INFINITY;
  const toMs = timeFlag("--to", options["to"], nowMs) ?? Number.POSITIVE_INFINITY;
  if (fromMs >= toMs) throw new UsageError("--from must lie before --to");
  return { fromMs, toMs };
}

/** Runs rules over the archive that the options name and prints what they find; resolves with the exit code. */
export function backtest(
  { rules, thresholds }: TestedRules,
  range: BacktestRange,
  options: Readonly<Record<string, unknown>>,
  io: CommandIo,
): Promise<number> | number {
  return withArchive(options, io, async (reader, directory) => {
    if (thresholds.length > 0) {
      const [fromMinute, toMinute] = minutesOf(range);
      const say = (text: string) => io.stdout(text);
      const minutes = { fromMinute, toMinute };
      const count = await backtestThresholds(reader, thresholds, minutes, say);
      io.stderr(`${count} windows of ${directory} for thresholds\n`);
    }
    const streams = Map.groupBy(rules, ({ config }) => config.stream);
    for (const [stream, watching] of streams) {
      try {
        const parts = { reader, range, io, directory, stream, watching };
        await (stream === METRICS_STREAM ? backtestWindows(parts) : backtestEvents(parts));
      } catch (error) {
        if (!(error instanceof SkipMissError)) throw error;
        io.stderr(`a rule stops: ${error.message}\n`);
        return EXIT_FAILED;
      }
    }
    return EXIT_DONE;
  });
}

interface Backtest {
  readonly reader: ArchiveReader;
  readonly range: BacktestRange;
  readonly io: CommandIo;
  readonly directory: string;
  readonly stream: string;
  readonly watching: readonly Rule[];
}

async function backtestEvents(parts: Backtest): Promise<void> {
  const { reader, io, directory, stream, watching } = parts;
  const range = { ...parts.range, stream };
  const run = new StreamRun(watching, await reader.holes(stream));
  const count = await runStream(archivedEvents(reader, range), run, range.toMs, io);
  const late = await reader.lateEventCount(range);
  const left = late === 0 ? "" : `; ${late} that had come too late were left out, as then`;
  io.stderr(`${stream}: ${count} events of ${directory}${left}\n`);
}

/** Windows are events at their last millisecond, once what came in time is merged again. */
async function backtestWindows({ reader, range, io, directory, watching }: Backtest) {
  const [fromMinute, toMinute] = minutesOf(range);
  const run = new StreamRun(watching, []);
  const windows = archivedWindows(reader, fromMinute, toMinute);
  const count = await runStream(windows, run, toMinute * MINUTE_MS, io);
  const late = await reader.lateLineCount(fromMinute, toMinute);
  const left = late === 0 ? "" : `; ${late} lines that came after that were left out, as then`;
  io.stderr(
    `${METRICS_STREAM}: ${count} windows of ${directory}, as they first became final${left}\n`,
  );
}

function minutesOf({ fromMs, toMs }: BacktestRange): readonly [from: number, to: number] {
  return [Math.ceil((fromMs + 1) / MINUTE_MS) - 1, Math.floor(toMs / MINUTE_MS)];
}

/** An event, and whose it is: rules see each origin for itself. */
interface OriginEvent {
  readonly tenant: string;
  readonly origin: string;
  readonly event: RuleEvent;
}

async function* archivedEvents(
  reader: ArchiveReader,
  range: EventRange,
): AsyncIterable<OriginEvent> {
  for await (const { tenant, place, ...event } of reader.events(range)) {
    yield { tenant, origin: "", event: expressionEvent(event, place) };
  }
}

async function* archivedWindows(
  reader: ArchiveReader,
  fromMinute: number,
  toMinute: number,
): AsyncIterable<OriginEvent> {
  let sameMinute: OriginEvent[] = [];
  for await (const { tenant, stream, service, minute, aggregate } of reader.windows(
    fromMinute,
    toMinute,
  )) {
    const row = metricsRow({ tenant, stream, service }, minute, aggregate);
    const place = metricsPlace(makeSeries(tenant, stream, service).key, row.timeMs);
    if (sameMinute[0]?.event.ts !== row.timeMs) yield* inOrder(sameMinute.splice(0));
    // Windows of one service in two streams are two things.
    sameMinute.push({ tenant, origin: stream, event: expressionEvent(row, place) });
  }
  yield* inOrder(sameMinute);
}

function inOrder(events: readonly OriginEvent[]): OriginEvent[] {
  return events.toSorted((a, b) => (String(a.event.id) < String(b.event.id) ? -1 : 1));
}

async function runStream(
  events: AsyncIterable<OriginEvent>,
  run: StreamRun,
  toMs: number,
  io: CommandIo,
): Promise<number> {
  let text = "";
  let count = 0;
  for await (const one of events) {
    if (io.signal.aborted) return count;
    count++;
    text += run.take(one);
    if (text.length < PIECE_LENGTH) continue;
    await io.stdout(text);
    text = "";
  }
  await io.stdout(text + run.advance(toMs - 1));
  for (const drop of run.drops) io.stderr(`${drop}\n`);
  return count;
}

type RuleEvent = ReturnType<typeof expressionEvent>;

/** All rules of one stream, for every tenant and origin by itself. */
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
  take({ tenant, origin, event }: OriginEvent): string {
    const runs = this.#runsOf(tenant, origin);
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

  #runsOf(tenant: string, origin: string): readonly RuleRun[] {
    const name = JSON.stringify([tenant, origin]);
    const known = this.#runs.get(name);
    if (known !== undefined) return known;
    const holes = this.#holes.filter((hole) => hole.tenant === tenant);
    const hasHole = (fromMs: number, toMs: number) =>
      holes.some((hole) => hole.fromMs <= toMs && hole.toMs >= fromMs);
    const made = this.#rules.map(
      (rule) => new RuleRun(rule, { tenant, hasHole, limits: RULE_LIMITS }),
    );
    this.#runs.set(name, made);
    return made;
  }
}
