import { execFile } from "node:child_process";

/** How a tool is run. */
export interface ToolOptions {
  readonly folder?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Runs a program of this machine to its end and resolves with what it printed. Fails with what it complained of. */
export function runTool(
  program: string,
  words: readonly string[],
  { folder, environment }: ToolOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = {
      ...(folder === undefined ? {} : { cwd: folder }),
      env: { ...process.env, ...environment },
      maxBuffer: OUTPUT_BYTES_MAX,
    };
    execFile(program, [...words], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program} ${words.join(" ")}: ${error.message}\n${stderr}${stdout}`));
    });
  });
}

/** The first of the programs that this machine has. */
export async function findTool(programs: readonly string[]): Promise<string | undefined> {
  for (const program of programs) {
    try {
      await runTool("sh", ["-c", `command -v ${program}`]);
      return program;
    } catch {
      // Not on this machine; the next may be.
    }
  }
  return undefined;
}
