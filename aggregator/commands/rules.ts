/** `tailrace rules`: tries rules on recorded or archived events and shows what they are compiled into, without a server. */
import { LineBuffer, type LineSink } from "../../agent/scan/line-buffer.ts";
import { inputFault, readInput, STDIN_NAME } from "../../agent/scan/read-input.ts";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { systemCode } from "../../shared/errors.ts";
import type { KeyDrop } from "../cep/drop-log.ts";
import { explainGraph, explainText } from "../cep/explain.ts";
import { SkipMissError } from "../cep/skip-strategy.ts";
import { explainThreshold } from "../rules/explain-threshold.ts";
import { readEvent } from "../rules/read-event.ts";
import type { TestedRules } from "../rules/rule-test.ts";
import { runCaseText, tooLongCase } from "../rules/run-case.ts";
import { foundText, RuleRun } from "../rules/run-rule.ts";
import { neededText } from "../rules/selectors.ts";
import { ENDPOINT_DEFAULT } from "./ask-aggregator.ts";
import { backtest, backtestRange } from "./rules-backtest.ts";
import { readAllRules, readRules } from "./rules-files.ts";
import { lateEvents, liveOptions, ruleStatus } from "./rules-live.ts";
import { testRules } from "./rules-test.ts";
import { EventWindows } from "./rules-windows.ts";

const LINE_BYTES_MAX = 64 * 1024 * 1024;

/** The command. */
export const command = defineCommand({
  summary: "Runs and tests rules on recorded events, and explains what they are compiled into.",
  examples: [
    ["tailrace rules run fraud.yaml --events events.ndjson", "matches and timeouts as JSON lines"],
    ["tailrace rules run rules/ --events - --out-of-orderness 10s", "all rules of a folder"],
    [
      "tailrace parse app.log | tailrace rules run rules/ --events -",
      "the same on a log of any format",
    ],
    [
      "tailrace rules run --case - < cases.ndjson",
      "recorded cases, one a line, each with an answer",
    ],
    [
      "tailrace rules backtest new.yaml --archive DIR --from 2026-11-01",
      "what a rule would have found in archived events",
    ],
    ["tailrace rules test config/rules/tests", "recorded expectations, exit 1 when one fails"],
    ["tailrace rules explain fraud.yaml", "the states and edges of each rule"],
    [
      "tailrace rules status",
      "how the rules of a running aggregator are doing, and what bounds made them drop",
    ],
    ["tailrace rules late --rule fraud --output ndjson", "events that came too late for a rule"],
    ["tailrace rules explain --graphviz fraud.yaml | dot -Tsvg", "the same as a drawing"],
  ],
  configure: (command) => {
    command
      .argument("<verb>", "run, test, backtest, explain, status or late")
      .argument("[files...]", "rule files, for `test` files of tests, or folders of them")
      .option("--events <file>", "events as JSON lines, also .gz, or - for standard input")
      .option("--out-of-orderness <duration>", "how far events may come behind the newest", "0s")
      .option("--archive <dir>", "backtest: the archive's folder")
      .option("--config <file>", "backtest: the configuration of the aggregator that archives")
      .option(
        "--from <time>",
        "backtest: events from this time on, such as 2026-11-25T10:00:00Z, or 1h ago",
      )
      .option("--to <time>", "backtest: events before this time")
      .option("--case <file>", "run cases instead of rules: pattern and events in each line")
      .option("--graphviz", "explain as a graph for Graphviz")
      .option("--rule <name>", "status, late: only this rule")
      .option("--stream <name>", "status, late: only this stream")
      .option("--output <format>", "status, late: table or ndjson", "table")
      .option("--endpoint <url>", "status, late: where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: (operands, options, io) => {
    const [verb, ...paths] = operands;
    const cases = options["case"];
    if (verb === "run" && typeof cases === "string") return runCases(cases, paths, io);
    if (verb === "run") return runRules(paths, runOptions(options), io);
    if (verb === "test") return testRules(paths, io);
    if (verb === "backtest") return backtestRules(paths, options, io);
    if (verb === "explain") return explain(paths, options["graphviz"] === true, io);
    if (verb === "status") return ruleStatus(liveOptions(paths, options), io);
    if (verb === "late") return lateEvents(liveOptions(paths, options), io);
    throw new UsageError(`${verb} is not one of run, test, backtest, explain, status, late`);
  },
});

interface RunOptions {
  readonly events: string;
  readonly outOfOrdernessMs: number;
}

function runOptions(options: Readonly<Record<string, unknown>>): RunOptions {
  const { events } = options;
  if (typeof events !== "string") throw new UsageError("name the events: --events FILE, or -");
  const text = String(options["outOfOrderness"]);
  const outOfOrdernessMs = parseDurationMs(text);
  if (outOfOrdernessMs === undefined) {
    throw new UsageError(`--out-of-orderness ${text} is no duration such as 10s or 250ms`);
  }
  return { events, outOfOrdernessMs };
}

async function runCases(path: string, paths: readonly string[], io: CommandIo): Promise<number> {
  if (paths.length > 0) throw new UsageError("a case carries its own pattern; name no rules");
  let exitCode: number = EXIT_DONE;
  const isRead = await readLines(
    path,
    io,
    (line, lineNumber) => {
      const result = runCaseText(line);
      if (result.error?.phase === "input") {
        io.stderr(`${path}:${lineNumber}: no case: ${result.error.message}\n`);
        exitCode = EXIT_FAILED;
      }
      return `${JSON.stringify(result)}\n`;
    },
    (bytes) => {
      exitCode = EXIT_FAILED;
      return `${JSON.stringify(tooLongCase(bytes))}\n`;
    },
  );
  return isRead ? exitCode : EXIT_FAILED;
}

async function runRules(
  paths: readonly string[],
  { events, outOfOrdernessMs }: RunOptions,
  io: CommandIo,
): Promise<number> {
  const rules = await rulesOf(paths, io);
  if (rules === undefined) return EXIT_USAGE;
  const runs = rules.rules.map((rule) => new RuleRun(rule));
  const windows = new EventWindows(rules.thresholds);
  let newestMs = Number.NEGATIVE_INFINITY;
  let rejectedCount = 0;
  const advance = (watermarkMs: number) => {
    let text = "";
    for (const run of runs) {
      for (const found of run.advance(watermarkMs)) text += `${foundText(found)}\n`;
      for (const drop of run.takeDrops()) io.stderr(`${dropText(run.name, drop)}\n`);
    }
    return text;
  };
  try {
    const isRead = await readLines(events, io, (line, lineNumber) => {
      const event = eventOf(line, lineNumber);
      if (typeof event === "string") {
        rejectedCount++;
        io.stderr(`${events}:${lineNumber}: ${event}\n`);
        return "";
      }
      for (const run of runs) run.add(event);
      windows.add(event);
      newestMs = Math.max(newestMs, event.ts);
      return advance(newestMs - outOfOrdernessMs - 1);
    });
    if (!isRead) return EXIT_FAILED;
    await io.stdout(advance(Number.POSITIVE_INFINITY) + windows.text());
  } catch (error) {
    if (!(error instanceof SkipMissError)) throw error;
    io.stderr(`the rule stops: ${error.message}\n`);
    return EXIT_FAILED;
  }
  const late = runs.reduce((count, run) => Math.max(count, run.lateCount), 0);
  if (late > 0) io.stderr(`${late} events came too late; see --out-of-orderness\n`);
  if (rejectedCount > 0) {
    const advice =
      "`tailrace parse LOG | tailrace rules run RULES --events -` reads logs of any format";
    io.stderr(`${rejectedCount} lines are no events; ${advice}\n`);
  }
  return EXIT_DONE;
}

async function backtestRules(
  paths: readonly string[],
  options: Readonly<Record<string, unknown>>,
  io: CommandIo,
): Promise<number> {
  const range = backtestRange(options, io.platform.clock.now());
  const rules = await rulesOf(paths, io);
  if (rules === undefined) return EXIT_USAGE;
  return backtest(rules, range, options, io);
}

function dropText(rule: string, { key, reason, count, fromMs }: KeyDrop): string {
  const whose = key === null ? "" : ` of key ${String(key)}`;
  return `${rule}: ${count} partial matches${whose} were dropped (${reason}), the oldest begun ${new Date(fromMs).toISOString()}`;
}

function eventOf(line: string, lineNumber: number) {
  try {
    return readEvent(JSON.parse(line), lineNumber);
  } catch (error) {
    if (error instanceof SyntaxError) return "not_json";
    throw error;
  }
}

async function explain(paths: readonly string[], isGraph: boolean, io: CommandIo): Promise<number> {
  if (paths.length === 0) throw new UsageError("name at least one rule file or folder");
  const loaded = await readAllRules(paths, io);
  if (loaded === undefined) return EXIT_USAGE;
  for (const rule of loaded.thresholds) await io.stdout(`${explainThreshold(rule)}\n`);
  for (const rule of loaded.rules) {
    const { config, automaton } = rule;
    await io.stdout(
      isGraph
        ? explainGraph(automaton, config.name)
        : `${config.name}: ${config.summary}\n${neededText(rule)}\n${explainText(automaton)}\n`,
    );
  }
  return EXIT_DONE;
}

/** Loads all rules; undefined: something is wrong, and was said. */
function rulesOf(paths: readonly string[], io: CommandIo): Promise<TestedRules | undefined> {
  if (paths.length === 0) throw new UsageError("name at least one rule file or folder");
  return readRules(paths, io);
}

/** Gives each line that is not blank to `handle` and prints what it returns, and what stands for lines that are too long. False: the input could not be read, and it was said. */
async function readLines(
  path: string,
  io: CommandIo,
  handle: (line: string, lineNumber: number) => string,
  answerTooLong: (bytes: number) => string = () => "",
): Promise<boolean> {
  let lineCount = 0;
  let output = "";
  const take = (line: Buffer) => {
    lineCount++;
    const text = line.toString("utf8").trim();
    if (text !== "") output += handle(text, lineCount);
  };
  const sink: LineSink = {
    lines: (buffer, from, to) => {
      for (let at = from; at < to; ) {
        const end = buffer.indexOf(0x0a, at);
        take(buffer.subarray(at, end));
        at = end + 1;
      }
    },
    unterminated: take,
    tooLong: (bytes) => {
      lineCount++;
      io.stderr(`${path}:${lineCount}: a line of ${bytes} bytes is too long\n`);
      output += answerTooLong(bytes);
    },
  };
  const flush = () => {
    const text = output;
    output = "";
    return io.stdout(text);
  };
  const { disk } = io.platform;
  const lines = new LineBuffer(sink, LINE_BYTES_MAX);
  try {
    await readInput({ path, disk, stdin: io.stdin, lines, onRead: flush, signal: io.signal });
  } catch (error) {
    if (error instanceof SkipMissError) {
      await flush();
      throw error;
    }
    if (systemCode(error) === undefined) throw error;
    const name = path === STDIN_NAME ? "standard input" : path;
    io.stderr(`${name}: cannot be read: ${inputFault(error)}\n`);
    return false;
  }
  await flush();
  return true;
}
