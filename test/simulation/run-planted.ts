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

/** Plants one bug in a copy, simulates up to `seedCount` seeds until one fails, and shows that without the bug that seed does not fail. */
export function runPlanted(name: string, seedCount: number): PlantedResult {
  const copy = mkdtempSync(join(tmpdir(), "tailrace-planted-"));
  try {
    for (const part of ["agent", "aggregator", "shared", "test/simulation"]) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    for (const file of ["main.ts", "package.json", "tsconfig.json"]) {
      cpSync(join(root, file), join(copy, file));
    }
    symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
    const faults = faultsOf(name);
    patch(copy, name, []);
    const ill = simulateIn(copy, ["--seeds", String(seedCount), "--stop", ...faults]);
    const failed = ill.text.split("\n").find((line) => line.includes("FAILED"));
    const seed = /^seed (\d+) /.exec(failed ?? "")?.[1];
    if (failed === undefined || seed === undefined) {
      return { name, isFound: false, text: ill.text.trim() };
    }
    patch(copy, name, ["--reverse"]);
    const sane = simulateIn(copy, ["--seed", seed, ...faults]);
    if (sane.status === 0) return { name, isFound: true, text: failed };
    return { name, isFound: false, text: `without it as well: ${sane.text.trim()}` };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function patch(copy: string, name: string, words: readonly string[]): void {
  const path = join(patches, `${name}.patch`);
  execFileSync("git", ["apply", ...words, path], { cwd: copy });
}

function simulateIn(copy: string, words: readonly string[]) {
  const all = ["main.ts", "sim", ...words];
  const run = spawnSync(process.execPath, all, { cwd: copy, encoding: "utf8" });
  return { status: run.status, text: `${run.stdout}${run.stderr}` };
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
