/** What `tailrace rules` asks of a running aggregator: how its rules are doing, and which events came too late for them. */
import { z } from "zod";
import { type CommandIo, EXIT_DONE, parseOptions, UsageError } from "../../shared/command.ts";
import { textTable } from "../../shared/text-table.ts";
import { askAggregator } from "./ask-aggregator.ts";

const optionsSchema = z.object({
  rule: z.string().optional(),
  stream: z.string().optional(),
  output: z.enum(["table", "ndjson"], { error: "takes table or ndjson" }),
  endpoint: z.string(),
});

/** What these verbs take. */
export type LiveOptions = z.infer<typeof optionsSchema>;

/** Reads the options of these verbs. Throws UsageError. */
export function liveOptions(
  paths: readonly string[],
  given: Readonly<Record<string, unknown>>,
): LiveOptions {
  if (paths.length > 0) {
    throw new UsageError("status and late ask a running aggregator; name no files, but --endpoint");
  }
  return parseOptions(optionsSchema, given);
}

const rulesAnswer = z.object({
  rules: z.array(
    z.looseObject({
      rule: z.string(),
      stream: z.string().nullable(),
      state: z.string(),
      counters: z.record(z.string(), z.number()),
      openAlerts: z.number().optional(),
      dropped: z.array(z.looseObject({ reason: z.string(), count: z.number() })),
    }),
  ),
});

type RuleStatus = z.infer<typeof rulesAnswer>["rules"][number];

/** `rules status`: the rules of an aggregator with their counters and the ledger of what bounds made them drop. */
export async function ruleStatus(options: LiveOptions, io: CommandIo): Promise<number> {
  const { rules } = rulesAnswer.parse(await askAggregator(io, options.endpoint, "/v1/rules"));
  const asked = rules.filter(
    ({ rule, stream }) =>
      (options.rule === undefined || rule === options.rule) &&
      (options.stream === undefined || stream === options.stream),
  );
  if (options.output === "ndjson") {
    await io.stdout(asked.map((rule) => `${JSON.stringify(rule)}\n`).join(""));
  } else if (asked.length > 0) {
    await io.stdout(statusTable(asked));
  }
  if (asked.length === 0) io.stderr("no rules\n");
  return EXIT_DONE;
}

function statusTable(rules: readonly RuleStatus[]): string {
  const numbers = ["keys", "partials", "alerts", "cooledDown", "suppressed", "late", "failed"];
  const titles = ["keys", "partials", "alerts", "cooled down", "suppressed", "late", "failed"];
  return textTable(
    [
      ["rule", "left"],
      ["stream", "left"],
      ["state", "left"],
      ...titles.map((title) => [title, "right"] as const),
      ["open", "right"],
      ["dropped", "left"],
    ],
    rules.map(({ rule, stream, state, counters, dropped, openAlerts }) => [
      ...[rule, stream ?? "-", state],
      ...numbers.map((name) => String(counters[name] ?? 0)),
      openAlerts === undefined ? "-" : String(openAlerts),
      dropped.map(({ reason, count }) => `${count} ${reason}`).join(", ") || "0",
    ]),
  );
}

const lateAnswer = z.object({
  lateEvents: z.array(
    z.looseObject({
      timestamp: z.string(),
      stream: z.string(),
      type: z.string().nullable(),
      keyField: z.string().nullable(),
      keyValue: z.union([z.string(), z.number(), z.boolean(), z.null()]),
      lateMs: z.number().nullable(),
      rules: z.array(z.string()),
    }),
  ),
  next: z.string().optional(),
});

type LateEvent = z.infer<typeof lateAnswer>["lateEvents"][number];

/** `rules late`: the events that came behind the watermark and that rules did not see, newest first. */
export async function lateEvents(options: LiveOptions, io: CommandIo): Promise<number> {
  const rows: LateEvent[] = [];
  let count = 0;
  let next: string | undefined;
  do {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ ...pick(options), next })) {
      if (value !== undefined) query.set(name, value);
    }
    const path = `/v1/late-events?${query.toString()}`;
    const page = lateAnswer.parse(await askAggregator(io, options.endpoint, path));
    count += page.lateEvents.length;
    if (options.output === "table") rows.push(...page.lateEvents);
    else await io.stdout(page.lateEvents.map((event) => `${JSON.stringify(event)}\n`).join(""));
    next = page.next;
  } while (next !== undefined && !io.signal.aborted);
  if (rows.length > 0) await io.stdout(lateTable(rows));
  if (options.output === "table") {
    io.stderr(`${count} late event${count === 1 ? "" : "s"} of the newest that are kept\n`);
  }
  return EXIT_DONE;
}

function pick({ rule, stream }: LiveOptions): Record<string, string | undefined> {
  return { rule, stream };
}

function lateTable(events: readonly LateEvent[]): string {
  return textTable(
    [
      ["time", "left"],
      ["late by", "right"],
      ["stream", "left"],
      ["type", "left"],
      ["key", "left"],
      ["rules", "left"],
    ],
    events.map(({ timestamp, lateMs, stream, type, keyField, keyValue, rules }) => [
      ...[timestamp, lateMs === null ? "-" : `${lateMs / 1_000} s`, stream, type ?? "-"],
      keyField === null ? "-" : `${keyField}=${String(keyValue)}`,
      rules.join(" "),
    ]),
  );
}
