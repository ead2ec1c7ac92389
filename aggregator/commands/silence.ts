import { z } from "zod";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  parseOptions,
  UsageError,
} from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { textTable } from "../../shared/text-table.ts";
import { type Matcher, matcherText, parseMatcher, wantedMatcher } from "../alerts/matchers.ts";
import { silenceSchema } from "../alerts/silence.ts";
import {
  askAggregator,
  deleteAtAggregator,
  ENDPOINT_DEFAULT,
  isOnlyTaken,
} from "./ask-aggregator.ts";
import { wholeId } from "./whole-id.ts";

/** `tailrace silence`: keeps alerts from notifying people for a while. */
export const command = defineCommand({
  summary: "Keeps alerts that fit matchers from notifying people for a while.",
  examples: [
    ["tailrace silence add service=orders --for 2h --comment 'deploy'", "during a deploy"],
    ["tailrace silence add 'service=~ts-.*' severity!=critical --for 1d", "all but the worst"],
    ["tailrace silence ls", "those that are active or to come"],
    ["tailrace silence expire 5c1e…", "ends one now"],
  ],
  configure: (command) => {
    command
      .argument("<verb>", "add, ls or expire")
      .argument(
        "[words...]",
        "add: matchers (=, !=, =~, !~); expire: ids, as `ls` names them, or their beginnings",
      )
      .option("--for <duration>", "add: how long, such as 30m or 2h", "1h")
      .option("--start <time>", "add: when it begins (default: now)")
      .option("--by <name>", "who you are (default: the user)")
      .option("--comment <text>", "add: why", "no comment")
      .option("--all", "ls: also those that are over")
      .option("--output <format>", "table or ndjson", "table")
      .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: async ([verb, ...words], given, io) => {
    const options = parseOptions(optionsSchema, given);
    if (verb === "add") return add(words, options, io);
    if (verb === "ls") return list(words, options, io);
    if (verb === "expire") return expire(words, options, io);
    throw new UsageError(`${verb} is not one of add, ls, expire`);
  },
});

const optionsSchema = z.object({
  for: z.string(),
  start: z.iso
    .datetime({ offset: true, error: "takes a time such as 2026-11-25T10:00:00Z" })
    .optional(),
  by: z.string().min(1).optional(),
  comment: z.string().min(1),
  all: z.boolean().default(false),
  output: z.enum(["table", "ndjson"], { error: "takes table or ndjson" }),
  endpoint: z.string(),
});

type Options = z.infer<typeof optionsSchema>;

const shownSchema = z.object({ ...silenceSchema.shape, status: z.string() });
const listSchema = z.object({ silences: z.array(shownSchema), next: z.string().optional() });

async function add(words: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (words.length === 0) throw new UsageError("add takes matchers, such as service=orders");
  const forMs = parseDurationMs(options.for);
  if (forMs === undefined || forMs <= 0) {
    throw new UsageError(`--for ${options.for} is no duration such as 30m or 2h`);
  }
  const { start, comment, endpoint, by: createdBy = userOf(io) } = options;
  const startMs = start === undefined ? io.platform.clock.now() : Date.parse(start);
  const answer = await askAggregator(io, endpoint, "/v1/silences", {
    matchers: words.map(matcherOf),
    ...(start === undefined ? {} : { startsAt: start }),
    endsAt: new Date(startMs + forMs).toISOString(),
    createdBy,
    comment,
  });
  if (isOnlyTaken(io, answer)) return EXIT_DONE;
  const { id, endsAt } = shownSchema.parse(answer);
  await io.stdout(`${id}\n`);
  io.stderr(`silent until ${endsAt}\n`);
  return EXIT_DONE;
}

function matcherOf(text: string): Matcher {
  const matcher = parseMatcher(text);
  if (matcher === undefined) {
    throw new UsageError(`${text} is no matcher: expected ${wantedMatcher(text)}`);
  }
  return matcher;
}

const COLUMNS = [
  ["id", "left"],
  ["status", "left"],
  ["ends", "left"],
  ["by", "left"],
  ["matchers", "left"],
  ["comment", "left"],
] as const;

async function list(words: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (words.length > 0) throw new UsageError("ls takes no further words");
  const silences = await allSilences(
    options.all ? "" : "status=active&status=pending",
    options,
    io,
  );
  if (options.output === "ndjson") {
    for (const silence of silences) await io.stdout(`${JSON.stringify(silence)}\n`);
    return EXIT_DONE;
  }
  const rows = silences.map(({ id, status, endsAt, createdBy, matchers, comment }) => [
    id,
    status,
    endsAt,
    createdBy,
    matchers.map(matcherText).join(" "),
    comment,
  ]);
  if (rows.length > 0) await io.stdout(textTable(COLUMNS, rows));
  io.stderr(rows.length === 1 ? "1 silence\n" : `${rows.length} silences\n`);
  return EXIT_DONE;
}

/** All pages of what a query finds. */
async function allSilences(
  queryText: string,
  { endpoint }: Options,
  io: CommandIo,
): Promise<z.output<typeof shownSchema>[]> {
  const query = new URLSearchParams(queryText);
  const silences: z.output<typeof shownSchema>[] = [];
  for (;;) {
    const answer = await askAggregator(io, endpoint, `/v1/silences?${query.toString()}`);
    const page = listSchema.parse(answer);
    silences.push(...page.silences);
    if (page.next === undefined) return silences;
    query.set("next", page.next);
  }
}

async function expire(words: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (words.length === 0) throw new UsageError("expire takes ids, as `ls` names them");
  const by = encodeURIComponent(options.by ?? userOf(io));
  for (const id of await wholeIds(words, options, io)) {
    const path = `/v1/silences/${encodeURIComponent(id)}?by=${by}`;
    if (isOnlyTaken(io, await deleteAtAggregator(io, options.endpoint, path))) continue;
    io.stderr(`${id} is over\n`);
  }
  return EXIT_DONE;
}

const ID_LENGTH = 32;

/** The beginning of an id is enough when it is that of one silence only. */
async function wholeIds(
  words: readonly string[],
  options: Options,
  io: CommandIo,
): Promise<readonly string[]> {
  if (words.every((word) => word.length === ID_LENGTH)) return words;
  const silences = await allSilences("", options, io);
  const known = silences.map(({ id }) => id);
  return words.map((word) => wholeId(word, known, "silence", "silence ls --all"));
}

function userOf(io: CommandIo): string {
  return io.environment["USER"] ?? "operator";
}
