/** Processes that a benchmark measures from outside. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const MAIN = join(import.meta.dirname, "../../main.ts");
const LOOKS = 300;
const LOOK_MS = 100;

/** A command of this program as a process of its own. */
export class RunningProgram {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it; what it says on stderr is this process's. */
  static start(words: readonly string[]): RunningProgram {
    const stdio = ["ignore", "ignore", "inherit"] as const;
    return new RunningProgram(spawn(process.execPath, [MAIN, ...words], { stdio: [...stdio] }));
  }

  /** Resolves when this address answers a GET with success. */
  async answersAt(url: string): Promise<void> {
    for (let look = 0; look < LOOKS; look++) {
      try {
        if ((await fetch(url)).ok) return;
      } catch (error) {
        // Not yet listening.
        if (!(error instanceof TypeError)) throw error;
      }
      await sleep(LOOK_MS);
    }
    throw new Error(`${url} does not answer`);
  }

  /** Memory in bytes, now and at its peak, and that which no file backs; 0 where there is no /proc. */
  async memory(): Promise<{ rss: number; peak: number; anonymous: number }> {
    const status = await this.#proc("status");
    const bytes = (name: string) => {
      const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(status)?.[1];
      return Number(kib ?? 0) * 1024;
    };
    return { rss: bytes("VmRSS"), peak: bytes("VmHWM"), anonymous: bytes("RssAnon") };
  }

  /** Seconds of CPU that it used, user and system; 0 where there is no /proc. */
  async cpuSeconds(): Promise<number> {
    // The name of the program, in parentheses, may hold anything.
    const fields = (await this.#proc("stat")).split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
  }

  /** Resolves with its exit code when it ends by itself; undefined when a signal ended it. */
  async ended(): Promise<number | undefined> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    return child.exitCode ?? undefined;
  }

  /** Ends it; resolves with its exit code, undefined when a signal ended it. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<number | undefined> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill(signal);
      await exited;
    }
    return child.exitCode ?? undefined;
  }

  async #proc(name: string): Promise<string> {
    try {
      return await readFile(`/proc/${this.#child.pid}/${name}`, "utf8");
    } catch (error) {
      if (!(error instanceof Error && "code" in error)) throw error;
      return "";
    }
  }
}

/** Linux counts in hundredths of a second on every machine that matters. */
const TICKS_PER_SECOND = 100;

/** The value below which so many of a hundred are; the list is sorted. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((percent / 100) * sorted.length));
  return sorted[rank - 1] ?? Number.NaN;
}
