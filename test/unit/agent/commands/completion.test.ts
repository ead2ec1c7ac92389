import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { command } from "../../../../agent/commands/completion.ts";
import { testIo } from "./test-io.ts";

async function script(shell: string): Promise<string> {
  const io = testIo();
  expect(await command.run([shell], {}, io)).toBe(0);
  return io.output();
}

/** What bash offers for a line that is being typed. */
async function offered(...words: readonly string[]): Promise<string[]> {
  const line = words.map((word) => `'${word}'`).join(" ");
  const text = `${await script("bash")}
COMP_WORDS=(tailrace ${line}); COMP_CWORD=${words.length}; _tailrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const run = spawnSync("bash", ["-c", text], { encoding: "utf8" });
  expect(run.stderr).toBe("");
  return run.stdout.trimEnd().split("\n");
}

describe("completion", () => {
  it("offers commands, then the options of the command, to bash", async () => {
    expect(await offered("sp")).toEqual(["spool"]);
    expect(await offered("agent", "--o")).toEqual(["--once"]);
    expect(await offered("spool", "--data")).toEqual(["--data-dir"]);
  });

  it("names every command and option to zsh and fish", async () => {
    for (const shell of ["zsh", "fish"]) {
      const text = await script(shell);
      for (const word of ["aggregator", "spool", "data-dir", "once"]) expect(text).toContain(word);
    }
  });

  it("knows no other shell", async () => {
    await expect(command.run(["tcsh"], {}, testIo())).rejects.toThrow("bash, zsh, fish");
  });
});
