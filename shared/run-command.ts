import { Command, CommanderError } from "commander";
import {
  type CommandDefinition,
  type CommandIo,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_USAGE,
  UsageError,
} from "./command.ts";
import { nearestName } from "./config/nearest-name.ts";
import { systemFault, TailraceError } from "./errors.ts";

/** Command files by name; each loads only when its command runs. */
export type CommandSet = Readonly<
  Record<string, () => Promise<{ readonly command: CommandDefinition }>>
>;

/** What the program says of itself. */
export interface ProgramFacts {
  readonly name: string;
  readonly version: string;
  readonly summary: string;
}

/** Runs the command that `words` name and resolves with the exit code of the program. */
export async function runCommand(
  facts: ProgramFacts,
  commands: CommandSet,
  words: readonly string[],
  io: CommandIo,
): Promise<number> {
  const [name = "--help", ...rest] = words;
  if (name === "--version" || name === "-V") {
    await io.stdout(`${facts.name} ${facts.version}\n`);
    return EXIT_DONE;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    const asked = commands[rest[0] ?? ""];
    if (asked !== undefined) return runCommand(facts, commands, [rest[0] ?? "", "--help"], io);
    await io.stdout(await overview(facts, commands));
    return words.length === 0 ? EXIT_USAGE : EXIT_DONE;
  }
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (load === undefined) {
    const nearest = nearestName(name, Object.keys(commands));
    const hint =
      nearest === undefined ? `see \`${facts.name} --help\`` : `did you mean \`${nearest}\`?`;
    io.stderr(`${facts.name}: unknown command \`${name}\`; ${hint}\n`);
    return EXIT_USAGE;
  }
  const { command: definition } = await load();
  return runDefinition(`${facts.name} ${name}`, definition, rest, io);
}

async function runDefinition(
  title: string,
  definition: CommandDefinition,
  words: readonly string[],
  io: CommandIo,
): Promise<number> {
  const printed: Promise<void>[] = [];
  const command = new Command(title)
    .description(definition.summary)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => printed.push(io.stdout(text)),
      writeErr: (text) => io.stderr(text),
      outputError: (text, write) => write(`${title}: ${text.replace(/^error: /, "")}`),
    })
    .showHelpAfterError(`Run \`${title} --help\` for examples.`)
    .addHelpText("after", examplesText(definition));
  definition.configure(command);
  try {
    command.parse([...words], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    await Promise.all(printed);
    return error.exitCode === 0 ? EXIT_DONE : EXIT_USAGE;
  }
  try {
    return await definition.run(command.args, command.opts(), io);
  } catch (error) {
    if (error instanceof UsageError) {
      io.stderr(`${title}: ${error.message}\nRun \`${title} --help\` for examples.\n`);
      return EXIT_USAGE;
    }
    if (error instanceof TailraceError) {
      const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
      io.stderr(`${title}: ${error.message}${cause} [${error.code}]\n`);
      return EXIT_FAILED;
    }
    const fault = systemFault(error);
    if (fault === undefined) throw error;
    io.stderr(`${title}: ${fault}\n`);
    return EXIT_FAILED;
  }
}

function examplesText(definition: CommandDefinition): string {
  const width = Math.max(...definition.examples.map(([line]) => line.length));
  const lines = definition.examples.map(([line, does]) => `  ${line.padEnd(width)}  ${does}`);
  return `\nExamples:\n${lines.join("\n")}`;
}

async function overview(facts: ProgramFacts, commands: CommandSet): Promise<string> {
  const width = Math.max(...Object.keys(commands).map((name) => name.length));
  const lines: string[] = [];
  for (const [name, load] of Object.entries(commands)) {
    const { command } = await load();
    lines.push(`  ${name.padEnd(width)}  ${command.summary}`);
  }
  return `${facts.name} ${facts.version}\n${facts.summary}\n\nUsage: ${facts.name} COMMAND [options]\n\nCommands:\n${lines.join("\n")}\n\nRun \`${facts.name} COMMAND --help\` for options and examples.\n`;
}
