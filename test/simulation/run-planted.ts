/**
 * Shows that the simulation finds bugs: each patch of `planted/` takes one safeguard out of a temporary copy of the program, and the
 * simulation of that copy must fail. Run it with `node test/simulation/run-planted.ts [NAME…]`.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "../..");
const patches = join(import.meta.dirname, "planted");

/** What the simulation said of a copy with one planted bug. */
export interface PlantedResult {
  readonly name: string;
  readonly isFound: boolean;
  /** The line that tells of the first failing seed, or what came instead. */
  readonly text: string;
}

/** Names of the planted bugs. */
export function plantedNames(): string[] {
  return readdirSync(patches)
    .filter((name) => name.endsWith(".patch"))
    .map((name) => basename(name, ".patch"))
    .sort();
}

/** Plants one bug in a copy and simulates up to `seedCount` seeds, until one fails. */
export function runPlanted(name: string, seedCount: number): PlantedResult {
  const copy = mkdtempSync(join(tmpdir(), `tailrace-planted-`));
  try {
    for (const part of ["agent", "aggregator", "shared", "test/simulation"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    for (const file of ["main.ts", "package.json", "tsconfig.json"]) {
      cpSync(join(root, file), join(copy, file));
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    execFileSync(
      "patch",
      ["-p1", "--no-backup-if-mismatch", "-i", join(patches, `${name}.patch`)],
      {
        cwd: copy,
      },
    );
    const words = ["main.ts", "sim", "--seeds", String(seedCount), "--stop", ...faultsOf(name)];
    const run = spawnSync(process.execPath, words, { cwd: copy, encoding: "utf8" });
    const failed = run.stdout.split("\n").find((line) => line.includes("FAILED"));
    const text = failed ?? `${run.stdout.trim()} ${run.stderr.trim()}`;
    return { name, isFound: run.status === 1 && failed !== undefined, text };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** The first line of a patch may name the faults that can show its bug, which saves seeds. */
function faultsOf(name: string): string[] {
  const text = readFileSync(join(patches, `${name}.patch`), "utf8");
  const faults = /^# faults: (.+)$/m.exec(text)?.[1];
  return faults === undefined ? [] : ["--faults", faults];
}

if (import.meta.main) {
  const asked = process.argv.slice(2);
  let isGood = true;
  for (const name of asked.length > 0 ? asked : plantedNames()) {
    const result = runPlanted(name, 1_000);
    isGood &&= result.isFound;
    process.stdout.write(
      `${result.isFound ? "found" : "NOT FOUND"} ${name}: ${result.text.slice(0, 400)}\n`,
    );
  }
  process.exitCode = isGood ? 0 : 1;
}
