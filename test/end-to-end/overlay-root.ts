/** The root of this machine with a layer over it: what is installed and written in there is gone with it, and the machine stays as it was. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Finished } from "./program.ts";

/** It ends by itself, whatever becomes of the test. */
const LIFE_SECONDS = 600;

/** Why there can be no such root here; undefined when there can. */
export function overlayRootMissing(): string | undefined {
  try {
    execFileSync("unshare", ["--mount", "true"], { stdio: "ignore" });
    execFileSync("sh", ["-c", "command -v dpkg nsenter useradd"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "it needs root, dpkg, nsenter and useradd";
  }
}

/** See the head of this file. */
export class OverlayRoot implements AsyncDisposable {
  readonly #holder: ChildProcess;
  readonly #folder: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(holder: ChildProcess, folder: string) {
    this.#holder = holder;
    this.#folder = folder;
  }

  /** Opens one; `folder` is empty and only needed as a place. */
  static async open(folder: string): Promise<OverlayRoot> {
    const script = `set -e
mount -t tmpfs -o mode=755 tailrace "$0" && cd "$0" && mkdir upper work root
mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
mount -t proc proc root/proc && mount -t tmpfs tmpfs root/run && mount -o bind /dev root/dev
echo ready && exec sleep ${LIFE_SECONDS}`;
    const words = ["--mount", "sh", "-c", script, folder];
    const holder = spawn("unshare", words, { stdio: ["ignore", "pipe", "inherit"] });
    const [said] = await Promise.race([once(holder.stdout, "data"), once(holder, "exit")]);
    if (!String(said).startsWith("ready")) throw new Error("there is no layer to be had");
    return new OverlayRoot(holder, folder);
  }

  /** Where a path of the root can be reached from outside. */
  path(inside: string): string {
    return join(`/proc/${this.#holder.pid}/root`, this.#folder, "root", inside);
  }

  /** Runs a program in the root to its end. */
  async run(program: string, ...words: readonly string[]): Promise<Finished> {
    const child = this.start(program, ...words);
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

  /** Starts a program in the root; it ends with the root at the latest. */
  start(program: string, ...words: readonly string[]): ChildProcess {
    const inside = join(this.#folder, "root");
    const all = ["-t", String(this.#holder.pid), "-m", "--", "chroot", inside, program, ...words];
    const child = spawn("nsenter", all, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", DEBIAN_FRONTEND: "noninteractive" },
    });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [...this.#children, this.#holder]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, "exit");
      child.kill("SIGKILL");
      await gone;
    }
  }
}
