/** Programs that this one starts, such as `journalctl`. */
import type { ChildProcess } from "node:child_process";
import { systemCode } from "../errors.ts";

/** How a program ended. */
export interface ProgramEnd {
  /** `missing`: there is no such program, or it may not be started. */
  readonly kind: "exited" | "killed" | "missing";
  /** Exit code of one that exited. */
  readonly code: number | undefined;
  /** The end of what it wrote to stderr. */
  readonly stderr: string;
}

/** A program that runs. */
export interface RunningProgram {
  /**
   * The next piece of its standard output; undefined at its end. While nobody asks, the program is made to wait as soon as the pipe is full.
   * Only one call at a time.
   */
  read(): Promise<Buffer | undefined>;
  /** Resolves when it has ended and its output is read or given up. */
  readonly ended: Promise<ProgramEnd>;
  /** Asks it to end, by SIGTERM, and kills it when it does not; what it wrote and nobody has read is given up. */
  stop(): void;
}

/** Starts programs. */
export interface Processes {
  /** Starts a program, found along PATH when it has no slash, without a shell; its input is empty. Never fails: see {@link ProgramEnd.kind}. */
  start(program: string, operands: readonly string[]): RunningProgram;
}

/** More of what a program complains is not kept. */
const STDERR_LENGTH_MAX = 2000;

/** The programs of this machine; `node:child_process` loads when first used. One that is asked to end has so long to do it. */
export function createProcesses(graceMs: number): Processes {
  return {
    start(program, operands) {
      const stopping = new AbortController();
      const end = Promise.withResolvers<ProgramEnd>();
      const how = { signal: stopping.signal, graceMs, onEnd: end.resolve };
      const started = startProgram(program, operands, how).catch((error: unknown) => {
        // Such as an operand that none can be.
        const stderr = error instanceof Error ? error.message : String(error);
        end.resolve({ kind: "killed", code: undefined, stderr });
        return piecesOf(nothing());
      });
      return {
        read: async () => {
          const { done, value } = await (await started).next();
          return done === true ? undefined : value;
        },
        ended: end.promise,
        stop: () => stopping.abort(),
      };
    },
  };
}

/** As the agent uses them: the grace is far below what a service manager grants the agent itself. */
export const realProcesses: Processes = createProcesses(2000);

async function startProgram(
  program: string,
  operands: readonly string[],
  {
    signal,
    graceMs,
    onEnd,
  }: {
    readonly signal: AbortSignal;
    readonly graceMs: number;
    readonly onEnd: (end: ProgramEnd) => void;
  },
): Promise<AsyncIterator<Buffer>> {
  const { spawn } = await import("node:child_process");
  const child: ChildProcess = spawn(program, operands, { stdio: ["ignore", "pipe", "pipe"] });
  child.on("error", (error) => {
    const isMissing = ["ENOENT", "EACCES", "ENOTDIR"].includes(systemCode(error) ?? "");
    onEnd({ kind: isMissing ? "missing" : "killed", code: undefined, stderr: error.message });
  });
  const { stdout, stderr: complaints } = child;
  // Without file descriptors for them there are none; the error above tells.
  if (!stdout || !complaints) return piecesOf(nothing());
  let stderr = "";
  complaints.setEncoding("utf8");
  complaints.on("data", (text: string) => {
    stderr = (stderr + text).slice(-STDERR_LENGTH_MAX);
  });
  child.on("close", (code) => {
    const isKilled = code === null || signal.aborted;
    onEnd({ kind: isKilled ? "killed" : "exited", code: isKilled ? undefined : code, stderr });
  });
  const stop = () => {
    stdout.destroy();
    child.kill("SIGTERM");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      // What it started may hold the pipe open for longer.
      complaints.destroy();
    }, graceMs);
    child.once("close", () => clearTimeout(timer));
  };
  if (signal.aborted) stop();
  else signal.addEventListener("abort", stop, { once: true });
  return piecesOf(stdout);
}

async function* nothing(): AsyncGenerator<Buffer> {
  // A program that could not be started says nothing.
}

/** The pieces of a stream; one that is given up ends like any other. */
async function* piecesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    for await (const piece of stream) yield piece;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
  }
}
