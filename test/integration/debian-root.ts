/** A clean Debian root of its own for a test: what is installed and written in there is in memory, and gone with it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import type { Finished } from "../end-to-end/program.ts";
import { findServer } from "./servers.ts";

/** Debian's stable release, and the one before. */
export const DEBIAN_RELEASES = ["trixie", "bookworm"] as const;

/** What a new login of root has. */
const ENVIRONMENT = {
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  HOME: "/root",
  DEBIAN_FRONTEND: "noninteractive",
};

/** See the head of this file. */
export class DebianRoot implements AsyncDisposable {
  /** Unpacks the root of a release at `folder`, an empty one. The root's first process ends when this one does, and takes the others with it. */
  static async open(
    release: (typeof DEBIAN_RELEASES)[number],
    folder: string,
  ): Promise<DebianRoot> {
    const program = findServer("debian");
    if (program === undefined) throw new Error("no debian: run test/integration/setup");
    const holder = spawn(program, [join(dirname(program), `${release}.tar`), folder], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    const [said] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    const pid = /^ready (\d+)\n$/.exec(String(said))?.[1];
    if (pid === undefined) throw new Error(`the root of ${release} cannot be entered: ${said}`);
    return new DebianRoot(holder, Number(pid));
  }

  readonly #holder: ChildProcess;
  readonly #pid: number;

  private constructor(holder: ChildProcess, pid: number) {
    this.#holder = holder;
    this.#pid = pid;
  }

  /** Where a path of the root can be reached from outside. */
  path(inside: string): string {
    return join(`/proc/${this.#pid}/root`, inside);
  }

  /** Runs a program in the root to its end, as root. */
  async run(program: string, ...words: readonly string[]): Promise<Finished> {
    const child = this.start([program, ...words]);
    const output = { stdout: "", stderr: "" };
    child.stdout?.on("data", (chunk: Buffer) => {
      output.stdout += chunk.toString("utf8");
    });
    child.stderr?.on("data", (chunk: Buffer) => {
      output.stderr += chunk.toString("utf8");
    });
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
    return { code, ...output };
  }

  /** Starts a program in the root, as root. A signal does not reach it by the process that this returns. */
  start(words: readonly string[]): ChildProcess {
    const user = process.getuid?.() === 0 ? [] : ["--user"];
    const into = ["--target", String(this.#pid), "--mount", "--pid", "--root", "--wd", ...user];
    return spawn("nsenter", [...into, "--", ...words], {
      stdio: ["ignore", "pipe", "pipe"],
      env: ENVIRONMENT,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    const gone = once(this.#holder, "exit");
    this.#holder.stdin?.end();
    await gone;
  }
}
