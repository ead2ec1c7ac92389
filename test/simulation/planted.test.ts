import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { plantedNames, runPlanted } from "./run-planted.ts";

const root = join(import.meta.dirname, "../..");

describe("planted bugs", () => {
  it.each(plantedNames())("can still be planted: %s", (name) => {
    const patch = join(import.meta.dirname, "planted", `${name}.patch`);
    const words = ["apply", "--check", "--verbose", patch];
    const said = spawnSync("git", words, { cwd: root, encoding: "utf8" });
    expect(`${said.stderr}${said.status}`).toMatch(
      /^Checking patch [^ ]+\.ts\.\.\.\n(?:Hunk #1 succeeded at \d+ \(offset -?\d+ lines\)\.\n)?0$/,
    );
  });

  // One stands for all; `node test/simulation/run-planted.ts` plants every one and takes some minutes.
  it("are found by the simulation, and only with the bug", () => {
    const name = "spool-not-synced";
    expect(runPlanted(name, 300)).toMatchObject({ name, isFound: true });
  }, 900_000);
});
