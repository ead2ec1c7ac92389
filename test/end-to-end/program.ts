/** Runs the program as its users do: as processes of their own, which can be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";
import { join } from "node:path";

const MAIN = join(import.meta.dirname, "../../main.ts");

/** A finished run of a command. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end; `input` goes to its standard input. */
export async function runProgram(words: readonly string[], input?: Buffer): Promise<Finished> {
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ["pipe", "pipe", "pipe"] });
  const output: Record<"stdout" | "stderr", Buffer[]> = { stdout: [], stderr: [] };
  child.stdout.on("data", (chunk: Buffer) => output.stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.stderr.push(chunk));
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdin.end(input ?? Buffer.alloc(0));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  const text = (chunks: Buffer[]) => Buffer.concat(chunks).toString("utf8");
  return { code, stdout: text(output.stdout), stderr: text(output.stderr) };
}

/** A command that is kept running, killed and started again. */
export class Daemon {
  readonly #words: readonly string[];
  #child: ChildProcess | undefined;
  stderr = "";

  constructor(words: readonly string[]) {
    this.#words = words;
  }

  start(): void {
    const child = spawn(process.execPath, [MAIN, ...this.#words], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr = (this.stderr + chunk.toString("utf8")).slice(-20_000);
    });
    this.#child = child;
  }

  /** Sends a signal that does not end it. */
  signal(signal: "SIGHUP" | "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  /** Ends it with `signal` and waits until it is gone. */
  async stop(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return child?.exitCode ?? null;
    }
    const gone = new Promise<number | null>((resolve) => child.once("exit", resolve));
    child.kill(signal);
    return gone;
  }
}

/** A port of 127.0.0.1 that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  return typeof address === "object" && address !== null ? address.port : 0;
}
