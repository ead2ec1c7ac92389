import { z } from "zod";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  parseOptions,
  UsageError,
} from "../../shared/command.ts";
import { askAggregator, ENDPOINT_DEFAULT } from "./ask-aggregator.ts";

/** `tailrace dlq`: looks at what sinks refused for good and at records of sources that were no events, tries them again, or drops them. */
export const command = defineCommand({
  summary:
    "Shows what sinks refused, and what sources could not read; tries it again, or drops it.",
  examples: [
    ["tailrace dlq ls", "every dead letter of every sink and source, with the reason"],
    ["tailrace dlq ls --sink search --output ndjson", "those of one sink, for other programs"],
    ["tailrace dlq show 'search#12'", "one of them, with the refused window"],
    ["tailrace dlq replay 'search#12' 'search#14'", "two of them again, in their newest state"],
    ["tailrace dlq replay --sink search --all", "all of a sink again, once its store is mended"],
    ["tailrace dlq drop --sink search --all", "forgets all of a sink"],
    ["tailrace dlq replay --source bus --all", "counts a source's records that can be read now"],
  ],
  configure: (command) => {
    command
      .argument("<verb>", "ls, show, replay or drop")
      .argument("[ids...]", "dead letters, as `ls` names them")
      .option("--sink <name>", "only this sink")
      .option("--source <name>", "only this source")
      .option("--all", "replay or drop all dead letters of the sink or source")
      .option("--output <format>", "table or ndjson", "table")
      .option("--endpoint <url>", "where the aggregator listens", ENDPOINT_DEFAULT);
  },
  run: async ([verb, ...ids], given, io) => {
    const options = parseOptions(optionsSchema, given);
    if (verb === "ls") return list(ids, options, io);
    if (verb === "show") return show(ids, options, io);
    if (verb === "replay") return replay(selected("replay", ids, options), options, io);
    if (verb === "drop") return drop(selected("drop", ids, options), options, io);
    throw new UsageError(`${verb} is not one of ls, show, replay, drop`);
  },
});

const optionsSchema = z.object({
  sink: z.string().optional(),
  source: z.string().optional(),
  all: z.boolean().optional(),
  output: z.enum(["table", "ndjson"], { error: "takes table or ndjson" }),
  endpoint: z.string(),
});

type Options = z.infer<typeof optionsSchema>;

const lettersAnswer = z.object({
  deadLetters: z.array(
    z.looseObject({
      id: z.string(),
      reason: z.string(),
      refusedAt: z.string(),
      /** Of a sink's. */
      resultId: z.string().optional(),
      revision: z.number().optional(),
      /** Of a source's. */
      text: z.string().optional(),
    }),
  ),
  next: z.string().optional(),
});

type Letter = z.infer<typeof lettersAnswer>["deadLetters"][number];

async function list(ids: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (ids.length > 0) throw new UsageError("ls takes no ids; `show` does");
  let count = 0;
  let next: string | undefined;
  do {
    const query = new URLSearchParams({ limit: "1000" });
    if (options.sink !== undefined) query.set("sink", options.sink);
    if (options.source !== undefined) query.set("source", options.source);
    if (next !== undefined) query.set("next", next);
    const page = await askForLetters(io, options, query);
    for (const letter of page.deadLetters) {
      const line = options.output === "ndjson" ? JSON.stringify(letter) : tableLine(letter);
      await io.stdout(`${line}\n`);
    }
    count += page.deadLetters.length;
    next = page.next;
  } while (next !== undefined && !io.signal.aborted);
  if (options.output === "table") {
    io.stderr(count === 1 ? "1 dead letter\n" : `${count} dead letters\n`);
  }
  return EXIT_DONE;
}

const TEXT_LENGTH_MAX = 60;

function tableLine({ id, refusedAt, resultId, revision, text, reason }: Letter): string {
  const cut = (text ?? "").replace(/\s+/g, " ").slice(0, TEXT_LENGTH_MAX);
  const what = resultId === undefined ? JSON.stringify(cut) : `${resultId} r${revision}`;
  return `${id}  ${refusedAt}  ${what}  ${reason.replace(/\s+/g, " ")}`;
}

async function show(ids: readonly string[], options: Options, io: CommandIo): Promise<number> {
  if (ids.length === 0) throw new UsageError("show takes at least one id, as `ls` names them");
  for (const id of ids) {
    const page = await askForLetters(io, options, new URLSearchParams({ id }));
    for (const letter of page.deadLetters) {
      await io.stdout(`${JSON.stringify(letter, null, 2)}\n`);
    }
  }
  return EXIT_DONE;
}

async function askForLetters(io: CommandIo, { endpoint }: Options, query: URLSearchParams) {
  const answer = await askAggregator(io, endpoint, `/v1/dead-letters?${query.toString()}`);
  return lettersAnswer.parse(answer);
}

/** What a verb is to act on: ids, or everything of a sink or source, never by accident. */
function selected(verb: string, ids: readonly string[], options: Options): object {
  const { sink, source, all = false } = options;
  const named = [sink, source].filter((name) => name !== undefined).length;
  if (ids.length > 0) {
    if (all || named > 0) throw new UsageError(`${verb} takes ids, or --sink and --all`);
    return { ids };
  }
  if (named !== 1 || !all) {
    throw new UsageError(
      `${verb} takes ids, or --sink NAME --all for all of a sink, --source NAME --all for all of a source`,
    );
  }
  return sink === undefined ? { source } : { sink };
}

const replayAnswer = z.object({
  replayed: z.number(),
  refused: z.number(),
  failures: z.array(z.string()),
});

async function replay(selection: object, options: Options, io: CommandIo): Promise<number> {
  const answer = await askAggregator(io, options.endpoint, "/v1/dead-letters/replay", selection);
  const { replayed, refused, failures } = replayAnswer.parse(answer);
  io.stderr(`${replayed} written, ${refused} refused again\n`);
  for (const failure of failures) io.stderr(`not tried further: ${failure}\n`);
  return refused === 0 && failures.length === 0 ? EXIT_DONE : EXIT_FAILED;
}

const dropAnswer = z.object({ dropped: z.number(), failures: z.array(z.string()) });

async function drop(selection: object, options: Options, io: CommandIo): Promise<number> {
  const answer = await askAggregator(io, options.endpoint, "/v1/dead-letters/drop", selection);
  const { dropped, failures } = dropAnswer.parse(answer);
  io.stderr(`${dropped} dropped\n`);
  for (const failure of failures) io.stderr(`not dropped: ${failure}\n`);
  return failures.length === 0 ? EXIT_DONE : EXIT_FAILED;
}
