import type { Command } from "commander";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { csvLine } from "../../shared/csv-text.ts";
import { textTable } from "../../shared/text-table.ts";
import { resultCsv, resultNdjson, resultTable } from "../archive/result-text.ts";
import { askAggregator, ENDPOINT_DEFAULT } from "./ask-aggregator.ts";
import { withArchive } from "./open-archive.ts";
import { QUERY_LISTS, type QueryList } from "./query-lists.ts";
import { timeFlag } from "./time-flag.ts";

const OUTPUTS = ["table", "ndjson", "csv"] as const;
type Output = (typeof OUTPUTS)[number];
/** People read no more. */
const TABLE_COUNT_DEFAULT = 1_000;

/** `tailrace query`: windows and alerts of a running aggregator, or SQL over what one archived. */
export const command = defineCommand({
  summary:
    "Asks a running aggregator for windows, alerts or raw lines, or an archive in SQL. It only reads.",
  examples: [
    [
      "tailrace query windows --service orders --from 24h --step 1h",
      "the last day of a service by hours",
    ],
    [
      "tailrace query windows --from 2026-11-01T00:00:00Z --step 1d --output csv",
      "days, for a spreadsheet",
    ],
    [
      "tailrace query alerts --from 1h --output ndjson",
      "the alerts of the last hour as JSON lines",
    ],
    [
      "tailrace query lines --service orders --level ERROR,FATAL --contains timeout --from 1h",
      "raw lines of the last hour that agents sent",
    ],
    [
      `tailrace query --config aggregator.yaml --sql "SELECT service, sum(request_count) FROM deltas GROUP BY ALL"`,
      "requests by service, from the archive's views `events`, `deltas`, `lines` and `holes` in DuckDB's SQL",
    ],
    [`tailrace query --archive DIR --sql "DESCRIBE deltas"`, "the columns of a view"],
  ],
  configure: (command) => {
    listOptions(command.argument("[what]", "windows, alerts or lines; none with --sql"))
      .option("--sql <select>", "one SELECT over an archive")
      .option("--archive <dir>", "with --sql: the archive's folder")
      .option("--config <file>", "with --sql: the configuration of the aggregator that writes it")
      .option("--output <form>", OUTPUTS.join(", "), "table");
  },
  run: ([what], options, io) => {
    const output = OUTPUTS.find((form) => form === options["output"]);
    if (output === undefined) {
      throw new UsageError(
        `--output ${String(options["output"])} is not one of ${OUTPUTS.join(", ")}`,
      );
    }
    if (what === undefined) return askArchive(options, output, io);
    const list = QUERY_LISTS[what];
    if (list === undefined || options["sql"] !== undefined) {
      throw new UsageError("ask for `windows`, `alerts` or `lines`, or give --sql without them");
    }
    return askForList(list, options, output, io);
  },
});

/** Declares what says which windows, alerts or lines, and of which aggregator. */
export function listOptions(command: Command): Command {
  return command
    .option("--from <time>", "from then on: a time such as 2026-11-20T10:00:00Z, or 24h before now")
    .option("--to <time>", "before then; the same")
    .option("--service <name>", "windows, lines: of one service")
    .option("--stream <name>", "windows: of another stream than application-logs; lines: of one")
    .option("--step <duration>", "windows: of so many minutes, such as 5m, 1h, 1d")
    .option("--by <names>", "windows: kept apart by these dimensions, with commas between them")
    .option("--level <names>", "lines: of these levels, with commas between them")
    .option("--contains <text>", "lines: that hold a text, whatever its case")
    .option("--rule <name>", "alerts: of one rule")
    .option("--type <type>", "alerts: of one type")
    .option("--limit <count>", `most of them; ${TABLE_COUNT_DEFAULT} in a table, else all`)
    .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
}

async function askArchive(
  options: Readonly<Record<string, unknown>>,
  output: Output,
  io: CommandIo,
): Promise<number> {
  const { sql } = options;
  if (typeof sql !== "string") {
    throw new UsageError(
      "say what to ask for: `windows`, `alerts`, `lines`, or --sql with a SELECT",
    );
  }
  return withArchive(options, io, async (reader) => {
    const result = await reader.select(sql);
    if (typeof result === "string") {
      io.stderr(`tailrace query: ${result}\n`);
      return EXIT_USAGE;
    }
    const write = { table: resultTable, ndjson: resultNdjson, csv: resultCsv }[output];
    for await (const text of write(result)) await io.stdout(text);
    return EXIT_DONE;
  });
}

async function askForList(
  list: QueryList,
  options: Readonly<Record<string, unknown>>,
  output: Output,
  io: CommandIo,
): Promise<number> {
  const parameters = parametersOf(list, options, io.platform.clock.now());
  const limit = limitOf(options["limit"], output);
  const items: unknown[] = [];
  if (output === "csv") await io.stdout(csvLine(list.csv.map(({ title }) => title)));
  let left = limit;
  for (;;) {
    parameters.set("limit", String(Math.min(left, list.pageCountMax)));
    const answer = await askAggregator(
      io,
      String(options["endpoint"]),
      `${list.path}?${parameters.toString()}`,
    );
    const page = itemsOf(answer, list.key);
    left -= page.length;
    if (output === "table") items.push(...page);
    else await io.stdout(page.map((item) => lineOf(list, item, output)).join(""));
    const next: unknown = Reflect.get(Object(answer), "next");
    if (typeof next !== "string" || io.signal.aborted) break;
    if (left <= 0) {
      io.stderr(`there are more than these ${limit}; --limit takes another number\n`);
      break;
    }
    parameters.set("next", next);
  }
  if (output === "table" && items.length > 0) await io.stdout(tableOf(list, items));
  if (left === limit) io.stderr(`no ${list.key}\n`);
  return EXIT_DONE;
}

function lineOf(list: QueryList, item: unknown, output: "ndjson" | "csv"): string {
  return output === "csv"
    ? csvLine(list.csv.map(({ value }) => value(item)))
    : `${JSON.stringify(item)}\n`;
}

/** A table without columns in which nothing stands. */
function tableOf(list: QueryList, items: readonly unknown[]): string {
  const cells = items.map((item) => list.table.map(({ value }) => cellText(value(item))));
  const shown = list.table.map((_, at) => cells.some((row) => row[at] !== ""));
  const isShown = (_: unknown, at: number) => shown[at] === true;
  return textTable(
    list.table.filter(isShown).map(({ title, alignment }) => [title, alignment] as const),
    cells.map((row) => row.filter(isShown)),
  );
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
}

function itemsOf(answer: unknown, key: string): readonly unknown[] {
  const items: unknown = Reflect.get(Object(answer), key);
  return Array.isArray(items) ? items : [];
}

function parametersOf(
  list: QueryList,
  options: Readonly<Record<string, unknown>>,
  nowMs: number,
): URLSearchParams {
  const parameters = new URLSearchParams();
  const foreign = Object.values(QUERY_LISTS).flatMap((other) => other.parameters);
  for (const name of new Set(foreign)) {
    const value = options[name];
    if (typeof value !== "string") continue;
    if (!list.parameters.includes(name)) throw new UsageError(`${list.key} take no --${name}`);
    const isTime = name === "from" || name === "to";
    const timeMs = isTime ? timeFlag(`--${name}`, value, nowMs) : undefined;
    parameters.set(name, timeMs === undefined ? value : new Date(timeMs).toISOString());
  }
  return parameters;
}

function limitOf(text: unknown, output: Output): number {
  if (typeof text !== "string") {
    return output === "table" ? TABLE_COUNT_DEFAULT : Number.MAX_SAFE_INTEGER;
  }
  if (!/^[1-9]\d{0,9}$/.test(text)) {
    throw new UsageError(`--limit ${text} is no whole number above 0`);
  }
  return Number(text);
}
