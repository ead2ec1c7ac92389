import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../end-to-end/program.ts";
import { findServer } from "./servers.ts";

/** A redis-server of its own for a test, in memory. */
export class RedisServer {
  readonly url: string;
  readonly #folder: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** Starts one on a free port. */
  static async start(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), "tailrace-redis-"));
    const server = new RedisServer(folder, await freePort());
    await server.begin();
    return server;
  }

  /** Starts it, empty, on the same port; resolves when it takes connections. */
  async begin(): Promise<void> {
    const program = findServer("redis");
    if (program === undefined) throw new Error("no redis-server");
    const words = ["--port", String(this.#port), "--bind", "127.0.0.1", "--save", ""];
    const child = spawn(program, [...words, "--dir", this.#folder], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#child = child;
    await new Promise<void>((resolve, reject) => {
      child.once("exit", (code) => reject(new Error(`redis-server ended with ${code}`)));
      child.stdout.on("data", (chunk: Buffer) => {
        if (chunk.includes("Ready to accept connections")) resolve();
      });
    });
  }

  /** Lets it neither answer nor end, or go on. */
  pause(isPaused: boolean): void {
    this.#child?.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }

  /** Ends it at once. */
  async end(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    this.#child = undefined;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  /** Ends it and removes its folder. */
  async remove(): Promise<void> {
    await this.end();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
