import type { Command } from "commander";
import type { z } from "zod";
import type { Platform } from "./platform/platform.ts";
import type { ServiceManager } from "./platform/service-manager.ts";
import type { Threads } from "./platform/threads.ts";

/** Where a command reads, writes and learns about its surroundings. stdout is data, stderr is for people. */
export interface CommandIo {
  readonly platform: Platform;
  readonly stdout: (text: string) => Promise<void>;
  readonly stderr: (text: string) => void;
  readonly stdin: AsyncIterable<Buffer>;
  /** Whether stderr is a terminal: progress is shown only there. */
  readonly isTerminal: boolean;
  /** Whether stdout may be coloured: a terminal, and NO_COLOR is not set. */
  readonly hasColor: boolean;
  /** Width of the terminal in characters. */
  readonly columns: number;
  readonly hostname: string;
  /** Identity of this machine (`/etc/machine-id`, else the host's name). */
  readonly machine: string;
  /** Makes a folder for this run; whoever asks disposes of it, and it is removed with all that is in it. */
  readonly temporaryDirectory: () => Promise<TemporaryDirectory>;
  /** Aborts on SIGINT and SIGTERM: finish and return. */
  readonly signal: AbortSignal;
  /** Calls `listener` on each SIGHUP, which means: read your configuration again. Without a listener it ends the program. */
  readonly onReload: (listener: () => void) => void;
  /** Variables of the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Number of this process. */
  readonly processId: number;
  /** Who started this process as a service. */
  readonly serviceManager: ServiceManager;
  readonly threads: Threads;
  /** Says that the start is over and long work begins, whose garbage dies at once: from now on the process keeps little memory. */
  readonly settle: () => void;
}

/** A folder that lives as long as a command runs. */
export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

/** Exit codes: done, failed, wrong usage or configuration. */
export const EXIT_DONE = 0;
/** See {@link EXIT_DONE}. */
export const EXIT_FAILED = 1;
/** See {@link EXIT_DONE}. */
export const EXIT_USAGE = 2;

/** One command of the program: one file, one line in the registry. */
export interface CommandDefinition {
  /** One line for the list of commands. */
  readonly summary: string;
  /** Command lines that work, each with what it does. */
  readonly examples: readonly (readonly [line: string, does: string])[];
  /** Declares arguments and options. */
  configure(command: Command): void;
  /** Runs and resolves with the exit code. `options` are as commander parsed them: check them before use. */
  run(
    operands: readonly string[],
    options: Readonly<Record<string, unknown>>,
    io: CommandIo,
  ): Promise<number>;
}

/** Thrown for wrong usage that only a command itself can see: the message is printed and the program exits with {@link EXIT_USAGE}. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** The options of a command as `schema` reads them. Throws {@link UsageError} that names the first option it refuses. */
export function parseOptions<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UsageError(`--${String(issue?.path[0])}: ${issue?.message}`);
}

/** States the type of a command definition. */
export function defineCommand(definition: CommandDefinition): CommandDefinition {
  return definition;
}
