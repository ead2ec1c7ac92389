import { z } from "zod";
import {
  type CommandIo,
  defineCommand,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "../../shared/command.ts";
import { parseDurationMs } from "../../shared/config/quantity.ts";
import { SCOPES } from "../../shared/protocol/principal.ts";
import { textTable } from "../../shared/text-table.ts";
import { makeSecret } from "../access/token.ts";
import {
  type GivenTokens,
  readEnrolled,
  readGiven,
  type Token,
  writeGiven,
} from "../access/token-files.ts";
import { readConfig } from "./read-config.ts";

/** `tailrace token`: makes and ends what callers show to an aggregator. */
export const command = defineCommand({
  summary: "Makes, lists and revokes the tokens that an aggregator asks for.",
  examples: [
    [
      "tailrace token create --config a.yaml --name grafana --scope read",
      "print a new token, once",
    ],
    ["tailrace token create --config a.yaml --name web-1 --agent web-1", "for one agent only"],
    ["tailrace token code --config a.yaml --agent web-2", "print a code for `tailrace enroll`"],
    ["tailrace token list --config a.yaml", "who has which, and until when"],
    [
      "tailrace token revoke 0a1b2c3d4e --config a.yaml",
      "end one; a running aggregator knows soon",
    ],
  ],
  configure: (command) => {
    command
      .argument("<verb>", "create, code, list or revoke")
      .argument("[id]", "the token or code to revoke, as `list` names it")
      .requiredOption("--config <file>", "the aggregator's configuration")
      .option("--name <name>", "whose the token is, for people")
      .option("--scope <scopes>", `some of ${SCOPES.join(",")}`, "ingest")
      .option("--agent <id>", "the only agent that it lets speak")
      .option("--expires <duration>", "how long it holds: without an end, a code for 1h");
  },
  run: async ([verb, id], given, io) => {
    const options = read(given);
    const config = await readConfig(options.config, io);
    if (config === undefined) return EXIT_USAGE;
    const place: Place = { io, directory: config.dataDir };
    await io.platform.disk.makeDirectory(config.dataDir);
    if (verb === "create") return create(place, options);
    if (verb === "code") return code(place, options);
    if (verb === "list") return list(place);
    if (verb === "revoke") return revoke(place, id);
    throw new UsageError(`${verb} is not one of create, code, list, revoke`);
  },
});

interface Place {
  readonly io: CommandIo;
  readonly directory: string;
}

const scopes = z
  .string()
  .transform((text) => text.split(","))
  .pipe(z.array(z.enum(SCOPES, { error: `takes some of ${SCOPES.join(",")}` })).min(1));

const duration = z
  .string()
  .transform((text) => parseDurationMs(text))
  .refine((ms) => ms !== undefined, { error: "takes a duration such as 90d" });

const optionsSchema = z.object({
  config: z.string(),
  name: z.string().min(1).max(200).optional(),
  scope: scopes,
  agent: z.string().min(1).max(255).optional(),
  expires: duration.optional(),
});

type Options = z.infer<typeof optionsSchema>;

const CODE_MS_DEFAULT = 3_600_000;

function read(given: Readonly<Record<string, unknown>>): Options {
  const parsed = optionsSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`--${issue?.path[0]?.toString()}: ${issue?.message}`);
}

async function create(place: Place, options: Options): Promise<number> {
  const { name, scope, agent } = options;
  if (name === undefined) throw new UsageError("--name says whose the token is");
  const { clock, random } = place.io.platform;
  const { id, text, hash } = makeSecret(random);
  const token: Token = {
    ...{ id, name, hash, scopes: scope, createdAt: isoTime(clock.now()) },
    ...(agent === undefined ? {} : { agent }),
    ...(options.expires === undefined ? {} : { expiresAt: isoTime(clock.now() + options.expires) }),
  };
  await change(place, (given) => ({ ...given, tokens: [...given.tokens, token] }));
  await place.io.stdout(`${text}\n`);
  place.io.stderr(`token ${id}: it is shown only now, and valid within a second\n`);
  return EXIT_DONE;
}

async function code(place: Place, { agent, expires = CODE_MS_DEFAULT }: Options): Promise<number> {
  const { clock, random } = place.io.platform;
  const { id, text, hash } = makeSecret(random);
  const made = {
    ...{ id, hash, createdAt: isoTime(clock.now()), expiresAt: isoTime(clock.now() + expires) },
    ...(agent === undefined ? {} : { agent }),
  };
  await change(place, (given) => ({ ...given, codes: [...given.codes, made] }));
  await place.io.stdout(`${text}\n`);
  place.io.stderr(`code ${id}: for one agent, once, until ${made.expiresAt}\n`);
  return EXIT_DONE;
}

async function list({ io, directory }: Place): Promise<number> {
  const given = await readGiven(io.platform.disk, directory);
  const enrolled = await readEnrolled(io.platform.disk, directory);
  const revokedAt = new Map(given.revoked.map((one) => [one.id, one.revokedAt]));
  const nowMs = io.platform.clock.now();
  const state = (one: {
    id: string;
    revokedAt?: string | undefined;
    expiresAt?: string | undefined;
  }) => {
    const revoked = one.revokedAt ?? revokedAt.get(one.id);
    if (revoked !== undefined) return `revoked ${revoked}`;
    if (enrolled.usedCodes.includes(one.id)) return "used";
    if (one.expiresAt === undefined) return "valid";
    return `${Date.parse(one.expiresAt) <= nowMs ? "expired" : "valid until"} ${one.expiresAt}`;
  };
  const rows = [...given.tokens, ...enrolled.tokens].map((token) => [
    ...[token.id, token.name, token.scopes.join(","), token.agent ?? "any", state(token)],
  ]);
  const codes = given.codes.map((one) => [
    one.id,
    "(code)",
    "ingest",
    one.agent ?? "any",
    state(one),
  ]);
  const titles = ["id", "name", "scopes", "agent", "state"];
  const columns = titles.map((title) => [title, "left"] as const);
  await io.stdout(textTable(columns, [...rows, ...codes]));
  return EXIT_DONE;
}

async function revoke(place: Place, id: string | undefined): Promise<number> {
  if (id === undefined)
    throw new UsageError("name the token to revoke, as `tailrace token list` does");
  const { disk, clock } = place.io.platform;
  const given = await readGiven(disk, place.directory);
  const enrolled = await readEnrolled(disk, place.directory);
  const all = [...given.tokens, ...given.codes, ...enrolled.tokens];
  if (!all.some((one) => one.id === id)) {
    place.io.stderr(`there is no token or code ${id}; \`tailrace token list\` shows them\n`);
    return EXIT_FAILED;
  }
  const revoked = { id, revokedAt: isoTime(clock.now()) };
  await change(place, (before) => ({ ...before, revoked: [...before.revoked, revoked] }));
  place.io.stderr(`${id} is revoked; a running aggregator refuses it within a second\n`);
  return EXIT_DONE;
}

async function change(place: Place, make: (given: GivenTokens) => GivenTokens): Promise<void> {
  const { disk } = place.io.platform;
  await writeGiven(disk, place.directory, make(await readGiven(disk, place.directory)));
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
