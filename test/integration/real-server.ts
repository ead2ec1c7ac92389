import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../end-to-end/program.ts";
import { findServer } from "./servers.ts";

/** How one kind of server is started. */
export interface ServerPlan {
  /** Its folder in `servers/`. */
  readonly name: string;
  readonly scheme: "http" | "redis";
  /** The words of its command line; may write a configuration into the folder. */
  readonly words: (folder: string, port: number) => Promise<readonly string[]>;
  /** Whether it answers at `url`; a rejection means no. */
  readonly isReady: (url: string) => Promise<boolean>;
}

const READY_MS_MAX = 110_000;
const STOP_MS_MAX = 20_000;
const LOOK_MS = 50;
const OUTPUT_LENGTH_MAX = 4_000;

/** A server of its own for a test, on a free port of 127.0.0.1, with its data in a temporary folder. */
export class RealServer {
  readonly url: string;
  readonly #plan: ServerPlan;
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(plan: ServerPlan, folder: string, port: number) {
    this.#plan = plan;
    this.#folder = folder;
    this.#port = port;
    this.url = `${plan.scheme}://127.0.0.1:${port}`;
  }

  static async start(plan: ServerPlan): Promise<RealServer> {
    const folder = await mkdtemp(join(tmpdir(), `tailrace-${plan.name}-`));
    const server = new RealServer(plan, folder, await freePort());
    await server.begin();
    return server;
  }

  /** Starts it on the same port and folder; resolves when it answers. */
  async begin(): Promise<void> {
    const { name, words, isReady } = this.#plan;
    const program = findServer(name);
    if (program === undefined) throw new Error(`no ${name}: run test/integration/setup`);
    const child = spawn(program, await words(this.#folder, this.#port), {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const keep = (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-OUTPUT_LENGTH_MAX);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    for (let waitedMs = 0; !(await isReady(this.url).catch(() => false)); waitedMs += LOOK_MS) {
      if (child.exitCode !== null) throw new Error(`${name} ended: ${this.#output}`);
      if (waitedMs > READY_MS_MAX) throw new Error(`${name} does not answer: ${this.#output}`);
      await setTimeout(LOOK_MS);
    }
  }

  /** Lets it neither answer nor end, or go on. */
  pause(isPaused: boolean): void {
    this.#child?.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends it: at once, or as an operator would; then one that takes too long is killed. */
  async end(signal: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    const finished = new AbortController();
    const kill = setTimeout(STOP_MS_MAX, undefined, { signal: finished.signal }).then(
      () => child.kill("SIGKILL"),
      () => undefined,
    );
    await ended;
    finished.abort();
    await kill;
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    await this.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Whether a GET of this address is answered with success. */
export async function isAnswering(url: string): Promise<boolean> {
  return (await fetch(url)).ok;
}
