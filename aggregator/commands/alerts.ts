import { z } from "zod";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  parseOptions,
  UsageError,
} from "../../shared/command.ts";
import { textTable } from "../../shared/text-table.ts";
import { parseMatcher, wantedMatcher } from "../alerts/matchers.ts";
import { askAggregator, ENDPOINT_DEFAULT, isOnlyTaken } from "./ask-aggregator.ts";
import { timeFlag } from "./time-flag.ts";
import { wholeId } from "./whole-id.ts";

/** `tailrace alerts`: shows the alerts of a running aggregator, and says that one is known. */
export const command = defineCommand({
  summary: "Shows the alerts of a running aggregator, and acknowledges them.",
  examples: [
    ["tailrace alerts ls", "what fires, and what is acknowledged"],
    ["tailrace alerts ls --state resolved --from 2026-11-25", "what is over"],
    ["tailrace alerts ls --filter 'severity=critical' --output ndjson", "for other programs"],
    ["tailrace alerts show 3f2a…", "one of them, with its numbers, hosts and sample lines"],
    ["tailrace alerts ack 3f2a… --comment 'rolling back'", "somebody takes care of it"],
  ],
  configure: (command) => {
    command
      .argument("<verb>", "ls, show or ack")
      .argument(
        "[ids...]",
        "alerts, as `ls` names them; the beginning is enough when it is the only one",
      )
      .option("--state <state...>", "pending, firing, acknowledged, resolved, or all")
      .option("--filter <matcher...>", 'matchers such as service="orders" or severity=~"crit.*"')
      .option("--from <time>", "alerts from this time on, such as 2026-11-25T10:00:00Z, or 1h ago")
      .option("--to <time>", "alerts before this time")
      .option("--by <name>", "ack: who you are (default: the user)")
      .option("--comment <text>", "ack: what is being done", "")
      .option("--output <format>", "table or ndjson", "table")
      .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: async ([verb, ...ids], given, io) => {
    const options = parseOptions(optionsSchema, given);
    if (verb === "ls") return list(ids, options, io);
    if (verb === "show") return show(ids, options, io);
    if (verb === "ack") return acknowledge(ids, options, io);
    throw new UsageError(`${verb} is not one of ls, show, ack`);
  },
});

const STATES = ["pending", "firing", "acknowledged", "resolved", "all"] as const;
const OPEN = ["firing", "acknowledged"] as const;

const optionsSchema = z.object({
  state: z.array(z.enum(STATES, { error: `takes ${STATES.join(", ")}` })).default([...OPEN]),
  filter: z
    .array(
      z.string().refine((text) => parseMatcher(text) !== undefined, {
        error: ({ input }) =>
          `${String(input)} is no matcher: expected ${wantedMatcher(String(input))}`,
      }),
    )
    .default([]),
  from: z.string().optional(),
  to: z.string().optional(),
  by: z.string().min(1).optional(),
  comment: z.string(),
  output: z.enum(["table", "ndjson"], { error: "takes table or ndjson" }),
  endpoint: z.string(),
});

type Options = z.infer<typeof optionsSchema>;

const alertSchema = z.looseObject({
  id: z.string(),
  timestamp: z.string(),
  severity: z.string(),
  // A match has none until somebody acknowledges it.
  state: z.string().default("match"),
  message: z.string(),
  service: z.union([z.string(), z.number(), z.null()]).optional(),
  details: z.looseObject({ rule: z.string() }),
  suppressed: z.unknown().optional(),
});

type Alert = z.infer<typeof alertSchema>;

const pageSchema = z.object({ alerts: z.array(alertSchema), next: z.string().optional() });

async function list(ids: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (ids.length > 0) throw new UsageError("ls takes no ids; `show` does");
  const rows: string[][] = [];
  for await (const alert of allAlerts(options, io)) {
    if (options.output === "ndjson") await io.stdout(`${JSON.stringify(alert)}\n`);
    else rows.push(rowOf(alert));
  }
  if (options.output === "table") {
    if (rows.length > 0) await io.stdout(textTable(COLUMNS, rows));
    io.stderr(rows.length === 1 ? "1 alert\n" : `${rows.length} alerts\n`);
  }
  return EXIT_DONE;
}

async function* allAlerts(
  { state, filter, from, to, endpoint }: Options,
  io: CommandIo,
): AsyncIterable<Alert> {
  const query = new URLSearchParams();
  if (!state.includes("all")) for (const one of state) query.append("state", one);
  for (const one of filter) query.append("filter", one);
  const nowMs = io.platform.clock.now();
  const [fromMs, toMs] = [timeFlag("--from", from, nowMs), timeFlag("--to", to, nowMs)];
  if (fromMs !== undefined) query.set("from", new Date(fromMs).toISOString());
  if (toMs !== undefined) query.set("to", new Date(toMs).toISOString());
  for (;;) {
    const page = pageSchema.parse(
      await askAggregator(io, endpoint, `/v1/alerts?${query.toString()}`),
    );
    yield* page.alerts;
    if (page.next === undefined || io.signal.aborted) return;
    query.set("next", page.next);
  }
}

const ID_SHOWN = 12;

const COLUMNS = [
  ["id", "left"],
  ["time", "left"],
  ["severity", "left"],
  ["state", "left"],
  ["rule", "left"],
  ["message", "left"],
] as const;

function rowOf(alert: Alert): string[] {
  const quiet = alert.suppressed === undefined ? "" : " (silent)";
  return [
    alert.id.slice(0, ID_SHOWN),
    alert.timestamp,
    alert.severity,
    `${alert.state}${quiet}`,
    alert.details.rule,
    alert.message.replace(/\s+/g, " "),
  ];
}

async function show(ids: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (ids.length === 0) throw new UsageError("show takes at least one id, as `ls` names them");
  for (const id of await wholeIds(ids, options, io)) {
    const alert = await askAggregator(io, options.endpoint, `/v1/alerts/${encodeURIComponent(id)}`);
    await io.stdout(`${JSON.stringify(alert, null, 2)}\n`);
  }
  return EXIT_DONE;
}

async function acknowledge(
  ids: readonly string[],
  options: Options,
  io: CommandIo,
): Promise<number> {
  if (ids.length === 0) throw new UsageError("ack takes at least one id, as `ls` names them");
  const { endpoint, comment, by = io.environment["USER"] ?? "operator" } = options;
  for (const id of await wholeIds(ids, options, io)) {
    const path = `/v1/alerts/${encodeURIComponent(id)}/acknowledge`;
    if (isOnlyTaken(io, await askAggregator(io, endpoint, path, { by, comment }))) continue;
    io.stderr(`${id.slice(0, ID_SHOWN)} acknowledged\n`);
  }
  return EXIT_DONE;
}

const ID_LENGTH = 32;

/** What `ls` shows is the beginning of an id; it must be that of one alert only. */
async function wholeIds(
  ids: readonly string[],
  options: Options,
  io: CommandIo,
): Promise<readonly string[]> {
  if (ids.every((id) => id.length === ID_LENGTH)) return ids;
  const known: string[] = [];
  for await (const { id } of allAlerts({ ...options, state: ["all"], filter: [] }, io))
    known.push(id);
  return ids.map((beginning) => wholeId(beginning, known, "alert", "alerts ls --state all"));
}
