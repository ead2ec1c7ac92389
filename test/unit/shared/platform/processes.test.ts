import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import {
  createProcesses,
  type RunningProgram,
  realProcesses,
} from "../../../../shared/platform/processes.ts";

async function outputOf(program: RunningProgram): Promise<string> {
  let text = "";
  for (let piece = await program.read(); piece !== undefined; piece = await program.read()) {
    text += piece.toString();
  }
  return text;
}

describe("a program that is started", () => {
  it("is read to its end, which tells its code and what it complained of", async () => {
    const program = realProcesses.start("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"]);
    expect(await outputOf(program)).toBe("out\n");
    expect(await program.ended).toEqual({ kind: "exited", code: 3, stderr: "err\n" });
  });

  it("is missing when there is none", async () => {
    const program = realProcesses.start("/nowhere/program", []);
    expect(await outputOf(program)).toBe("");
    expect(await program.ended).toMatchObject({ kind: "missing", code: undefined });
  });

  it("ends at once when it cannot be started at all", async () => {
    const program = realProcesses.start("/bin/sh", ["-c", "echo \0"]);
    expect(await outputOf(program)).toBe("");
    expect(await program.ended).toMatchObject({
      kind: "killed",
      stderr: expect.stringContaining("null bytes"),
    });
  });

  it.runIf(existsSync("/usr/bin/prlimit"))(
    "ends at once when there is no file descriptor left for its output",
    async () => {
      const script = `
        import { openSync } from "node:fs";
        import "node:child_process";
        import { realProcesses } from ${JSON.stringify(join(process.cwd(), "shared/platform/processes.ts"))};
        try {
          for (;;) openSync("/dev/null");
        } catch (error) {
          if (error.code !== "EMFILE") throw error;
        }
        const program = realProcesses.start("/bin/sh", ["-c", "echo out"]);
        const piece = await program.read();
        process.stdout.write(JSON.stringify([piece ?? null, (await program.ended).stderr]));`;
      const operands = ["--nofile=64", process.execPath, "--input-type=module", "--eval", script];
      const { stdout } = await promisify(execFile)("/usr/bin/prlimit", operands);
      expect(JSON.parse(stdout)).toEqual([null, expect.stringContaining("EMFILE")]);
    },
  );

  it("ends when it is stopped, also while it is read and when it writes without end", async () => {
    const program = realProcesses.start("/bin/sh", ["-c", "exec yes"]);
    expect((await program.read())?.length).toBeGreaterThan(0);
    program.stop();
    expect(await program.ended).toMatchObject({ kind: "killed" });
    const sleeping = realProcesses.start("/bin/sleep", ["60"]);
    const reading = sleeping.read();
    sleeping.stop();
    expect(await reading).toBeUndefined();
    expect(await sleeping.ended).toMatchObject({ kind: "killed" });
  });

  it("is killed when it does not end, even if what it started holds its pipes", async () => {
    const script = "trap '' TERM; echo ready; while :; do sleep 60; done";
    const program = createProcesses(10).start("/bin/sh", ["-c", script]);
    expect((await program.read())?.toString()).toBe("ready\n");
    program.stop();
    expect(await program.ended).toMatchObject({ kind: "killed" });
  });
});
